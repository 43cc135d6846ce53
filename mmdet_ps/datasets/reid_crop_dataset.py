"""Cropped persons: a crop is a scene with one box around the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmdet.registry import DATASETS
from mmengine.dataset import force_full_init
from mmengine.fileio import join_path

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from .annotation_file import load_crops, read_annotation_file
from .crop_index import CropIndex
from .person_search_dataset import PersonSearchDataset


@DATASETS.register_module()
class ReIDCropDataset(PersonSearchDataset):
    """Crops of persons, each a scene with one box that fills the image.

    Reads annotation files of re-ID sets and index files of very large ones.
    Either way the crops are kept as a few arrays. The crops of an LMDB are
    read by ``LoadImageFromFile`` with ``backend_args`` for it.

    Args:
        *args, **kwargs: See ``PersonSearchDataset``. The ``min_size`` of
            ``filter_cfg`` keeps crops of unknown size.
    """

    def __init__(self, *args, **kwargs) -> None:
        self.crops: CropIndex | None = None
        self._rows = np.zeros(0, np.int64)  # crop of each sample, (N,)
        self._flipped = np.zeros(0, bool)  # whether it is a copy, (N,)
        super().__init__(*args, **kwargs)

    def full_init(self) -> None:
        """Load the arrays."""
        if self._fully_initialized:
            return
        indexed = load_crops(self.ann_file)
        if indexed is None:
            held = read_annotation_file(self.ann_file)
            self._check_crops(held.data_list)
            indexed = held.metainfo, CropIndex.from_data_list(held.data_list)
        metainfo, self.crops = indexed
        if not len(self.crops):
            raise UserError(
                f'{self.ann_file}: names no crop: name another file'
            )
        self._number_crops(metainfo)
        self._adopt(metainfo)
        self._rows = np.arange(len(self.crops))
        self._flipped = np.zeros(len(self.crops), bool)
        if not self.test_mode:
            self._filter_crops()
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)
        if len(self) and metainfo.get('storage') != 'lmdb':
            self._check_images([dict(img_path=self._path(0))])

    def _filter_crops(self) -> None:
        """Drop crops as ``filter_cfg`` says; append flipped copies."""
        cfg = self.filter_cfg or {}
        kept = np.ones(len(self.crops), bool)
        if self.crops.sizes is not None:
            known = self.crops.sizes.min(axis=1) > 0
            kept &= ~known | (
                self.crops.sizes.min(axis=1) >= cfg.get('min_size', 0)
            )
        if cfg.get('filter_unlabelled', False):
            kept &= self.crops.all_person_ids() >= 0
        self._check_left(int(kept.sum()), len(kept))
        self._rows = np.flatnonzero(kept)
        self._flipped = np.zeros(len(self._rows), bool)
        if self.flipped_copies:
            self._rows = np.tile(self._rows, 2)
            self._flipped = np.append(self._flipped, ~self._flipped)

    def _number_crops(self, metainfo: dict) -> None:
        """Renumber identities if told to, and refuse those out of range."""
        if self.crops.person_ids is None:
            ids = np.zeros(0, np.int64)
        else:
            ids = np.unique(self.crops.person_ids)
            ids = ids[ids >= 0].astype(np.int64)
        if self.renumber_identities and len(ids):
            known = self.crops.person_ids >= 0
            places = np.searchsorted(ids, self.crops.person_ids)
            self.crops.person_ids = np.where(known, places, UNLABELLED)
            metainfo['num_identities'] = len(ids)
            ids = np.arange(len(ids))
        self._check_identities(ids, metainfo)

    def _check_crops(self, data_list: list[dict]) -> None:
        for info in data_list:
            if len(info['instances']) != 1:
                raise UserError(
                    f'{self.ann_file}: {info["img_path"]} has '
                    f'{len(info["instances"])} persons, a crop has one: '
                    'use PersonSearchDataset for scenes'
                )

    def _path(self, index: int) -> str:
        name = self.crops.name(self._rows[index])
        if self._metainfo.get('storage') == 'lmdb':
            return name  # a key
        return join_path(self.image_folder, name)

    @force_full_init
    def __len__(self) -> int:
        return len(self._rows)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """One crop: path, size, source, and one instance without box."""
        idx = idx % len(self)
        row = self._rows[idx]
        width, height = self.crops.size(row)
        person_id = self.crops.person_id(row)
        if person_id >= 0:
            person_id += self.identity_offset
        copy = dict(flipped_copy=True) if self._flipped[idx] else {}
        return dict(
            copy,
            sample_idx=idx,
            img_id=idx,
            img_path=self._path(idx),
            width=width,
            height=height,
            source=self._metainfo['source'],
            instances=[dict(bbox_label=0, instance_id=person_id)],
        )

    @force_full_init
    def get_person_ids(self) -> np.ndarray:
        """(N,) identities without the offset, -1 where unknown."""
        return self.crops.all_person_ids()[self._rows]

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keep some samples: the first ones, or the last of a number below 0,
        or those of a list."""
        self.full_init()
        if isinstance(indices, int):
            indices = np.arange(len(self))[
                slice(indices) if indices >= 0 else slice(indices, None)
            ]
        chosen = np.asarray(indices, np.int64)
        self._rows, self._flipped = self._rows[chosen], self._flipped[chosen]
