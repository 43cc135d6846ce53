"""Scenes with persons: person search and person detection sets."""

from __future__ import annotations

import logging
import os

import numpy as np
from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.fileio import join_path
from mmengine.logging import print_log
from tqdm import tqdm

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.images import image_size, read_image

from .annotation_file import (
    AnnotationFile,
    check_identities,
    drop_flat_boxes,
    known_identities,
    read_annotation_file,
    renumber,
)


@DATASETS.register_module()
class PersonSearchDataset(BaseDetDataset):
    """Images with person boxes; each box may have an identity.

    Reads the annotation files that ``tools/prepare_data.py`` writes, and
    COCO-style files whose annotations carry ``person_id``. The metainfo has
    ``num_identities`` and ``source``.

    Args:
        source: Name of the source, in place of the annotation file's.
        num_identities: The number of identities the model was built for;
            a file with another number is an error.
        identity_offset: Added to every identity in training, so that the
            identities of several sources do not collide
            (``PersonConcatDataset`` sets it).
        filter_cfg: ``filter_empty_gt`` drops images without any box to
            learn from, ``filter_unlabelled`` those without any identity,
            ``min_size`` those with a shorter side; all in training only.
        flipped_copies: Append every training image once more, marked for
            ``FlipCopies`` to mirror it.
        renumber_identities: Number the identities of the file from 0 in
            ascending order, for files whose numbers begin elsewhere or have
            gaps. Otherwise such a file is an error in training.
        **kwargs: See ``BaseDetDataset``.
    """

    METAINFO = dict(classes=('person',), palette=[(220, 20, 60)])

    def __init__(
        self,
        *args,
        source: str | None = None,
        num_identities: int | None = None,
        identity_offset: int = 0,
        flipped_copies: bool = False,
        renumber_identities: bool = False,
        **kwargs,
    ) -> None:
        self.renumber_identities = renumber_identities
        self.flipped_copies = flipped_copies
        self.source = source
        self.identity_offset = identity_offset
        self.num_identities = num_identities
        super().__init__(*args, **kwargs)

    @property
    def image_folder(self) -> str:
        """What the paths of the annotation file are relative to."""
        return self.data_prefix.get('img') or self.data_root

    def load_data_list(self) -> list[dict]:
        """One dict per image: img_id, img_path, size, instances, source."""
        held = read_annotation_file(self.ann_file)
        self._number_identities(held)
        self._adopt(held.metainfo)
        source = self._metainfo['source']
        for info in held.data_list:
            info['img_path'] = join_path(self.image_folder, info['img_path'])
            info['source'] = source
        self._check_images(held.data_list)
        self._fill_sizes(held.data_list)
        flat = drop_flat_boxes(held.data_list)
        if flat:
            held.left_out.append(
                f'{len(flat)} boxes without area in their image, first '
                f'{flat[0]}'
            )
        for reason in held.left_out:
            self._warn(f'left out {reason}')
        return held.data_list

    def _warn(self, message: str) -> None:
        print_log(
            f'{self.ann_file}: {message}',
            logger='current',
            level=logging.WARNING,
        )

    def _number_identities(self, held: AnnotationFile) -> None:
        """Renumber identities if told to, and refuse those out of range."""
        ids = known_identities(held.data_list)
        if self.renumber_identities:
            renumber(ids, held.data_list)
            held.metainfo['num_identities'] = len(ids)
            ids = np.arange(len(ids))
        self._check_identities(ids, held.metainfo)

    def _check_identities(self, ids: np.ndarray, metainfo: dict) -> None:
        count = metainfo.get('num_identities', 0)
        if not self.test_mode:
            check_identities(ids, count, self.ann_file)
        # How many numbers the identities of a test set take up.
        metainfo['identity_span'] = max([count, *(ids[-1:] + 1).tolist()])

    def _fill_sizes(self, data_list: list[dict]) -> None:
        """Read the sizes that the file does not say from the pictures."""
        unknown = [info for info in data_list if 'width' not in info]
        if unknown and self.backend_args is not None:
            raise UserError(
                f'{self.ann_file}: {unknown[0]["img_path"]} lacks height or '
                'width: write them there, since the images are not local'
            )
        for info in tqdm(unknown, 'image sizes', delay=2, leave=False):
            info['width'], info['height'] = image_size(info['img_path'])

    def _adopt(self, metainfo: dict) -> None:
        for key, value in metainfo.items():
            if key not in ('classes', 'palette'):
                self._metainfo.setdefault(key, value)
        if self.source:
            self._metainfo['source'] = self.source
        found = self._metainfo.setdefault('num_identities', 0)
        if self.num_identities not in (None, found):
            raise UserError(
                f'{self.ann_file}: {found} identities but the config says '
                f'num_identities={self.num_identities}: write {found} there'
            )

    def _check_images(self, data_list: list[dict]) -> None:
        """A wrong folder shows at the start, not after an hour."""
        if (
            self.backend_args is None
            and data_list
            and not os.path.exists(data_list[0]['img_path'])
        ):
            raise FileNotFoundError(
                f'{data_list[0]["img_path"]}: no such image, named first in '
                f'{self.ann_file}: set data_root (or DATA_ROOT=) to the '
                'folder that was prepared'
            )

    def prepare_data(self, idx: int) -> dict | None:
        """One image through the pipeline.

        Raises:
            UserError: The image cannot be decoded; it is named.
        """
        try:
            return super().prepare_data(idx)
        except Exception:
            path = self.get_data_info(idx).get('img_path', '')
            if os.path.isfile(path):
                read_image(path)
            raise  # the image is whole: another error

    def get_data_info(self, idx: int) -> dict:
        """One image; identities with the offset."""
        info = super().get_data_info(idx)
        if self.identity_offset:
            for instance in info['instances']:
                if instance.get('instance_id', UNLABELLED) >= 0:
                    instance['instance_id'] += self.identity_offset
        return info

    def filter_data(self) -> list[dict]:
        """Drop images that cannot teach, as ``filter_cfg`` says."""
        if not self.data_list:
            raise UserError(
                f'{self.ann_file}: names no image: name another file'
            )
        if self.test_mode:
            return self.data_list
        kept = [info for info in self.data_list if self._teaches(info)]
        self._check_left(len(kept), len(self.data_list))
        if not self.flipped_copies:
            return kept
        return kept + [dict(info, flipped_copy=True) for info in kept]

    def _check_left(self, kept: int, number: int) -> None:
        if not kept:
            raise UserError(
                f'{self.ann_file}: none of its {number} images '
                f'can be used: they are too small, or have no box to learn '
                f'from or no identity, as filter_cfg={self.filter_cfg} '
                'demands; name another file, or drop the demand'
            )

    def _teaches(self, info: dict) -> bool:
        """Whether ``filter_cfg`` lets an image stay."""
        cfg = self.filter_cfg or {}
        if min(info['width'], info['height']) < cfg.get('min_size', 0):
            return False
        usable = [i for i in info['instances'] if not i.get('ignore_flag')]
        if cfg.get('filter_unlabelled', False):
            usable = [
                i for i in usable if i.get('instance_id', UNLABELLED) >= 0
            ]
            return bool(usable)
        return bool(usable) or not cfg.get('filter_empty_gt', False)
