"""What every native reader returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from ..crop_index import CropIndex


@dataclass(slots=True)
class ImageRecord:
    """One image and the persons in it.

    ``boxes`` (N, 4) float64 xyxy in pixels of the image, ``person_ids`` (N,)
    int64, ``ignored`` (N,) bool: neither a person to find nor background.
    ``extra`` goes into the annotation file as it is (camera, role, ...).
    ``in_video``: the image is still inside a video, there is no file yet.
    """

    img_path: str
    boxes: np.ndarray
    person_ids: np.ndarray = None
    ignored: np.ndarray = None
    width: int = 0
    height: int = 0
    extra: dict = field(default_factory=dict)
    in_video: bool = False

    def __post_init__(self) -> None:
        self.boxes = np.asarray(self.boxes, np.float64).reshape(-1, 4)
        count = len(self.boxes)
        if self.person_ids is None:
            self.person_ids = np.full(count, UNLABELLED)
        if self.ignored is None:
            self.ignored = np.zeros(count, bool)
        try:
            self.person_ids = np.asarray(self.person_ids, np.int64).reshape(-1)
        except OverflowError:
            raise UserError(
                f'{self.img_path}: an identity has more than 64 bits; number '
                'the persons otherwise'
            ) from None
        self.ignored = np.asarray(self.ignored, bool).reshape(-1)
        if not len(self.person_ids) == len(self.ignored) == count:
            raise UserError(
                f'{self.img_path}: {count} boxes but '
                f'{len(self.person_ids)} identities'
            )

    def add(self, box: np.ndarray, person_id: int) -> None:
        """Append one xyxy box of a labelled person."""
        self.boxes = np.vstack([self.boxes, np.reshape(box, (1, 4))])
        self.person_ids = np.append(self.person_ids, person_id)
        self.ignored = np.append(self.ignored, False)

    def keep(self, mask: np.ndarray) -> None:
        """Drop the boxes where ``mask`` (N,) is False."""
        self.boxes = self.boxes[mask]
        self.person_ids = self.person_ids[mask]
        self.ignored = self.ignored[mask]


@dataclass
class Note:
    """An error of the data that was met, and what was done about it.

    Args:
        what (str): The kind of error; notes of a kind are counted together.
        where (str): The entry, or the first one of several.
        treatment (str): What was done about it.
        count (int): How many entries the note stands for.
    """

    what: str
    where: str
    treatment: str
    count: int = 1


@dataclass
class Split:
    """One annotation file to be: ``train`` or ``test`` (or a variant).

    Millions of crops without any annotation come as ``crops`` instead of
    ``records``; ``storage`` says where: ``files``, or ``lmdb`` with keys.
    """

    name: str
    records: list[ImageRecord]
    num_identities: int = 0
    crops: CropIndex | None = None
    storage: str = 'files'


@dataclass
class NativeSet:
    """A native folder, read.

    ``facts`` are counts to hold against the known ones; ``sizes_known`` says
    that the records already carry image sizes; ``clip`` that boxes are to be
    cut at the border of the image.
    """

    splits: list[Split]
    facts: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    clip: bool = False

    def split(self, name: str) -> Split:
        return next(split for split in self.splits if split.name == name)


def xywh_to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) [x, y, w, h] as (N, 4) [x, y, x + w, y + h], in float64."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def contiguous_ids(raw_ids, unlabelled=()) -> dict[int, int]:
    """Raw identity -> 0, 1, 2, ... in ascending order of the raw ones."""
    kept = sorted({int(raw) for raw in raw_ids} - set(unlabelled))
    return {raw: k for k, raw in enumerate(kept)}


def count_facts(split: Split) -> dict[str, int]:
    """The counts that the published tables give of a split."""
    persons = [r.person_ids[~r.ignored] for r in split.records]
    ids = np.concatenate(persons) if persons else np.zeros(0, np.int64)
    labelled = ids[ids >= 0]
    facts = {'images': len(split.records), 'boxes': len(ids)}
    if len(labelled):
        facts['boxes with id'] = len(labelled)
        facts['boxes without id'] = len(ids) - len(labelled)
        facts['ids'] = len(np.unique(labelled))
    regions = int(sum(r.ignored.sum() for r in split.records))
    return dict(facts, **({'ignore regions': regions} if regions else {}))


def person_facts(splits: list[Split], notes: list[Note]) -> dict[str, int]:
    """Counts of every split; identities met twice in an image are noted."""
    facts = {}
    for split in splits:
        counts = count_facts(split)
        if 'ids' in counts:
            repeated = repeated_identities(split)
            counts['images with an identity twice'] = len(
                {note.where.split()[0] for note in repeated}
            )
            notes += repeated
        for key, value in counts.items():
            facts[f'{split.name} {key}'] = value
    return facts


def repeated_identities(split: Split) -> list[Note]:
    """Images in which one identity has two boxes."""
    notes = []
    for record in split.records:
        ids = record.person_ids[record.person_ids >= 0]
        values, counts = np.unique(ids, return_counts=True)
        for person_id in values[counts > 1]:
            where = f'{record.img_path} id {person_id}'
            notes.append(Note('identity twice in an image', where, 'kept'))
    return notes
