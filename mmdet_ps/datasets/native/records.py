"""What every native reader returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from ..crop_index import CropIndex


@dataclass(slots=True)
class ImageRecord:
    """One image and the N persons in it.

    Args:
        img_path (str): The image, relative to the root.
        boxes (np.ndarray): (N, 4) float64 xyxy, pixels of the image.
        person_ids (np.ndarray): (N,) int64, -1 where unlabelled; None if all
            are.
        ignored (np.ndarray): (N,) bool, True for a region that is neither a
            person to find nor background; None if there is none.
        width, height (int): Size of the image in pixels; 0 while unknown.
        extra (dict): Goes into the annotation file as it is (``camera``,
            ``role``, ...).
        in_video (bool): The image is a frame inside a video and has no file
            yet.

    Raises:
        UserError: The numbers of boxes, identities and marks differ, or an
            identity has more than 64 bits.
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
                f'{len(self.person_ids)} identities and '
                f'{len(self.ignored)} marks to ignore: give one of each per '
                'box'
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


def drop_flat(records: list[ImageRecord], notes: list[Note]) -> None:
    """Drop the boxes without area of some images, in place.

    Args:
        records (list[ImageRecord]): The images; changed.
        notes (list[Note]): Takes a note for every box that is dropped.
    """
    for record in records:
        flat = (record.boxes[:, 2:] <= record.boxes[:, :2]).any(axis=1)
        for box in record.boxes[flat].tolist():
            where = f'{record.img_path} {box}'
            notes.append(Note('box without area', where, 'dropped'))
        record.keep(~flat)


@dataclass
class Split:
    """What becomes one annotation file.

    Args:
        name (str): ``train``, ``test`` or a variant of them; the name of the
            file as well.
        records (list[ImageRecord]): The images, in the order of the file.
        num_identities (int): Number of identities. Those of a training split
            are numbered from 0 without gaps. 0 for a re-ID test set.
        crops (CropIndex): Millions of crops without any annotation, in place
            of ``records``.
        storage (str): Where ``crops`` lie: ``files`` whose names they are,
            or ``lmdb``, a database whose keys they are.
    """

    name: str
    records: list[ImageRecord]
    num_identities: int = 0
    crops: CropIndex | None = None
    storage: str = 'files'


@dataclass
class NativeSet:
    """What a reader returns.

    Args:
        splits (list[Split]): The splits.
        facts (dict[str, int]): Counts to compare with the known ones.
        notes (list[Note]): Errors of the data that were met.
        clip (bool): Boxes are to be cut at the border of their image.
    """

    splits: list[Split]
    facts: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    clip: bool = False

    def split(self, name: str) -> Split:
        """The split of a name."""
        return next(split for split in self.splits if split.name == name)


def xywh_to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) [x, y, w, h] as (N, 4) [x, y, x + w, y + h], in float64."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def contiguous_ids(raw_ids, unlabelled=()) -> dict[int, int]:
    """Number identities from 0 without gaps, in ascending order.

    Args:
        raw_ids: Identities as the files give them, in any order.
        unlabelled: Numbers that stand for no identity.

    Returns:
        dict[int, int]: Identity of the files -> its new number.
    """
    kept = sorted({int(raw) for raw in raw_ids} - set(unlabelled))
    return {raw: k for k, raw in enumerate(kept)}


def count_facts(split: Split) -> dict[str, int]:
    """Count images, boxes and identities of a split.

    Returns:
        dict[str, int]: ``images``, ``boxes`` that are not ignored and, where
        there are any, ``boxes with id``, ``boxes without id``, ``ids`` and
        ``ignore regions``.
    """
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
    """Count what every split holds, see :func:`count_facts`.

    Args:
        splits (list[Split]): The splits.
        notes (list[Note]): Takes a note for every identity that an image
            shows twice.

    Returns:
        dict[str, int]: The counts, named ``<split> <count>``.
    """
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
    """Note the images in which one identity has two boxes or more."""
    notes = []
    for record in split.records:
        ids = record.person_ids[record.person_ids >= 0]
        values, counts = np.unique(ids, return_counts=True)
        for person_id in values[counts > 1]:
            where = f'{record.img_path} id {person_id}'
            notes.append(Note('identity twice in an image', where, 'kept'))
    return notes
