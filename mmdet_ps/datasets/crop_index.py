"""Millions of crops as a handful of arrays.

A list of dicts costs about a kilobyte per crop and is copied into every
worker by reference counting; these arrays cost some 60 bytes and are shared.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

# field -> kinds of numbers, dimensions
FIELDS = {
    'names': ('u', 1),
    'offsets': ('iu', 1),
    'person_ids': ('iu', 1),
    'sizes': ('iu', 2),
}
AGAIN = 'prepare the dataset again'


@dataclass
class CropIndex:
    """Names, identities and sizes of N crops.

    Args:
        names: (B,) uint8, all names one after the other, in UTF-8. A name
            of a file that is not valid UTF-8 keeps the bytes it has on disk.
        offsets: (N + 1,) int64, where each name begins and the last ends.
        person_ids: (N,) int64, -1 where unknown; None where no crop has an
            identity.
        sizes: (N, 2) int32 width and height in pixels, 0 where unknown; None
            where all are.
    """

    names: np.ndarray
    offsets: np.ndarray
    person_ids: np.ndarray | None = None
    sizes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def name(self, index: int) -> str:
        """Name of one crop."""
        start, end = self.offsets[index : index + 2]
        return os.fsdecode(self.names[start:end].tobytes())

    def person_id(self, index: int) -> int:
        """Identity of one crop, -1 where unknown."""
        if self.person_ids is None:
            return UNLABELLED
        return int(self.person_ids[index])

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of one crop in pixels, (0, 0) where unknown."""
        if self.sizes is None:
            return 0, 0
        width, height = self.sizes[index]
        return int(width), int(height)

    def all_person_ids(self) -> np.ndarray:
        """(N,) identities, -1 where unknown."""
        if self.person_ids is None:
            return np.full(len(self), UNLABELLED, np.int32)
        return np.asarray(self.person_ids)

    @classmethod
    def build(cls, names, person_ids=None, sizes=None) -> CropIndex:
        """Make an index.

        Args:
            names (Iterable[str]): Names of the N crops.
            person_ids, sizes: As of the class.
        """
        blob, lengths = bytearray(), [0]
        for name in names:
            encoded = os.fsencode(name)
            blob += encoded
            lengths.append(len(encoded))
        if person_ids is not None:
            person_ids = np.asarray(person_ids, np.int64)
        if sizes is not None:
            sizes = np.asarray(sizes, np.int32).reshape(-1, 2)
        return cls(
            np.frombuffer(bytes(blob), np.uint8),
            np.cumsum(lengths, dtype=np.int64),
            person_ids,
            sizes,
        )

    @classmethod
    def from_data_list(cls, data_list: list[dict]) -> CropIndex:
        """Make an index of the entries of an annotation file of crops.

        Args:
            data_list (list[dict]): See ``AnnotationFile``; each entry has one
                instance.
        """
        return cls.build(
            (info['img_path'] for info in data_list),
            [info['instances'][0]['instance_id'] for info in data_list],
            [
                (info.get('width', 0), info.get('height', 0))
                for info in data_list
            ],
        )

    def save(self, folder: Path, stem: str) -> dict[str, str]:
        """Write the arrays beside an annotation file.

        Args:
            folder (Path): Folder of the annotation file.
            stem (str): Its name without suffix, with which theirs begin.

        Returns:
            dict[str, str]: Field -> name of the file written.
        """
        written = {}
        for field in FIELDS:
            array = getattr(self, field)
            if array is not None:
                written[field] = f'{stem}.{field}.npy'
                np.save(folder / written[field], array)
        return written

    @classmethod
    def load(cls, folder: Path, files: dict[str, str]) -> CropIndex:
        """Map the arrays into memory; pages are shared by all workers.

        Args:
            folder (Path): Where they lie.
            files (dict[str, str]): Field -> file name.

        Raises:
            UserError: An array is missing, damaged, or does not fit.
        """
        arrays = {
            name: _map_array(folder, name, file)
            for name, file in files.items()
            if name in FIELDS
        }
        if not {'names', 'offsets'} <= set(arrays):
            raise UserError(
                f'{folder}: an index of crops without names and offsets: '
                f'{AGAIN}'
            )
        crops = cls(**arrays)
        ends = crops.offsets[[0, -1]].tolist() if len(crops.offsets) else []
        lengths = {
            len(array)
            for array in (crops.person_ids, crops.sizes)
            if array is not None
        }
        if ends != [0, len(crops.names)] or lengths - {len(crops)}:
            raise UserError(
                f'{folder / files["offsets"]}: does not fit the arrays '
                f'beside it: {AGAIN}'
            )
        return crops


def _map_array(folder: Path, name: str, file: str) -> np.ndarray:
    path = folder / file
    if not os.path.isfile(path):
        raise UserError(f'{path}: an array of crops is missing: {AGAIN}')
    try:
        array = np.load(path, mmap_mode='r')
        kind, dimensions = FIELDS[name]
        if array.dtype.kind not in kind or array.ndim != dimensions:
            raise ValueError(f'{array.dtype} of {array.ndim} dimensions')
    except Exception as error:  # a damaged array raises anything
        reason = ' '.join(str(error).split())
        raise UserError(
            f'{path}: is no array of crops ({reason:.80}): {AGAIN}'
        ) from None
    return array
