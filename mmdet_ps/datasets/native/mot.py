"""Labelled video in MOTChallenge's layout, also what labelling tools export.

A frame without rows is a frame nobody labelled, not an empty one, so only
frames with rows become images. What is not to be counted (flag 0, other
classes, hardly visible persons) is a region to ignore, not background.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from .errors import NativeDataError
from .files import NativeRoot
from .mot_rows import NO_CLASS, MotRows, plain_name, read_rows
from .mot_sequences import MotSequence, find_sequences
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    person_facts,
)

SPLITS = ('auto', 'folder', 'time', 'sequence')


@dataclass(frozen=True)
class MotOptions:
    """How labelled video becomes a training and a test set.

    Args:
        split (str): ``folder``: by the folders train and test; ``time``: the
            first labelled frames of every sequence train; ``sequence``: whole
            sequences; ``auto``: by folder where both have labels, else by
            time.
        train_share (float): Share of the labelled frames of each sequence
            (``time``) or of the sequences (``sequence``) that train.
        test_sequences (str): With ``sequence``, the names of those that
            test, with commas between them; by default the last ones.
        persons (str): Classes that are persons to find, with commas between
            them; add static-person and person-on-vehicle to find those too.
        visibility (float): Least share of a person that must be seen, from 0
            to 1; persons of whom less is seen are ignored.
        apart (float): Least time in seconds between a query and the gallery
            images of the same sequence.
        crop_every (float): Least time in seconds between two crops of one
            person for re-ID; 0 takes all.
        crop_height (int): Least height of a crop in pixels.

    Raises:
        UserError: A value is not one of those named, or out of its range.
    """

    split: str = 'auto'
    train_share: float = 0.6
    test_sequences: str = ''
    persons: str = 'pedestrian,person'
    visibility: float = 0.0
    apart: float = 5.0
    crop_every: float = 1.0
    crop_height: int = 48

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UserError(
                f'split={self.split}: write one of {", ".join(SPLITS)}'
            )
        for name, low, high in (
            ('train_share', 0, 1),
            ('visibility', 0, 1),
            ('apart', 0, float('inf')),
            ('crop_every', 0, float('inf')),
        ):
            if not low <= getattr(self, name) <= high:
                raise UserError(
                    f'{name}={getattr(self, name)}: write a number from '
                    f'{low} to {high}'
                )

    @property
    def person_classes(self) -> tuple[str, ...]:
        """Names of the classes to find."""
        return _names(self.persons, plain_name)


DEFAULTS = MotOptions()


def read_mot(root: NativeRoot, options: MotOptions = DEFAULTS) -> NativeSet:
    """Read the splits ``train`` and ``test`` out of labelled sequences.

    A person is a track of a sequence, so that tracks of different sequences
    are different persons. See :func:`number_persons` for the identities.

    Args:
        root (NativeRoot): The folder that holds the sequences.
        options (MotOptions): How they become two sets.

    Raises:
        NativeDataError: There is no sequence, a file is missing or damaged,
            or an option names what is not there.
    """
    notes: list[Note] = []
    sequences = find_sequences(root, notes)
    rows = [_rows_of(root, sequence, options, notes) for sequence in sequences]
    train, test = [], []
    for sequence, found in zip(sequences, rows):
        sequence.length = sequence.length or int(found.frames.max())
        records = _records(sequence, found, options, notes)
        share = _train_share(root, sequence, sequences, options)
        # Rounded, because 0.55 * 100 is a little more than 55.
        count = math.ceil(round(share * len(records), 6))
        train += records[:count]
        test += records[count:]
    num_identities = number_persons(train, test)
    splits = [
        Split('train', train, num_identities),
        Split('test', test, len(_persons(test))),
    ]
    facts = _facts(sequences, rows, splits, options)
    facts.update(person_facts(splits, notes))
    return NativeSet(splits, facts, notes, clip=True)


def _rows_of(
    root: NativeRoot,
    sequence: MotSequence,
    options: MotOptions,
    notes: list[Note],
) -> MotRows:
    path = root.path / sequence.folder / 'gt/gt.txt'
    rows = read_rows(path)
    if not len(rows.frames):
        raise NativeDataError(
            path, 'labels nothing', 'label some frames, or move it away'
        )
    if rows.named and not np.isin(rows.classes, options.person_classes).any():
        raise NativeDataError(
            path,
            f'no row is a {" or ".join(options.person_classes)} but '
            f'{", ".join(sorted(set(rows.classes)))}',
            'say which class is a person: --option persons=CLASS',
        )
    counted = rows.counted(options.person_classes)
    reasons = Counter(
        'flag 0'
        if named in options.person_classes and not flag
        else f'class {named}'
        for named, flag in zip(rows.classes[~counted], rows.flagged[~counted])
    )
    hidden = counted & (rows.visibility < options.visibility)
    if hidden.any():
        reasons[f'visibility below {options.visibility:g}'] = int(hidden.sum())
    for reason, count in sorted(reasons.items()):
        notes.append(
            Note(
                f'rows of {reason}',
                f'{sequence.folder}: {count}',
                'regions to ignore',
            )
        )
    return rows


def _train_share(
    root: NativeRoot,
    sequence: MotSequence,
    sequences: list[MotSequence],
    options: MotOptions,
) -> float:
    """The share of a sequence's labelled frames, from the first, that train.

    Frames are not counted from the beginning of the video, since its labels
    may begin late or end early.
    """
    parts = {other.part for other in sequences}
    split = options.split
    if split == 'auto':
        split = 'folder' if {'train', 'test'} <= parts else 'time'
    if split == 'time':
        return options.train_share
    if split == 'folder':
        return float(sequence.part != 'test')
    return float(sequence.name not in _tested(root, sequences, options))


def _tested(
    root: NativeRoot, sequences: list[MotSequence], options: MotOptions
) -> set[str]:
    known = [sequence.name for sequence in sequences]
    named = _names(options.test_sequences)
    for name in named:
        if name not in known:
            raise NativeDataError(
                root.path,
                f'no sequence is called {name}',
                f'test_sequences takes of {", ".join(known)}',
            )
    if named:
        return set(named)
    count = round(options.train_share * len(known))
    return set(known[min(max(count, 1), len(known) - 1) :])


def _names(text: str, change=str) -> tuple[str, ...]:
    return tuple(change(name.strip()) for name in text.split(',') if name)


def _records(
    sequence: MotSequence,
    rows: MotRows,
    options: MotOptions,
    notes: list[Note],
) -> list[ImageRecord]:
    """The labelled frames that have a picture, in order."""
    counted = rows.counted(options.person_classes) & (
        rows.visibility >= options.visibility
    )
    order = np.argsort(rows.frames, kind='stable')
    frames, starts = np.unique(rows.frames[order], return_index=True)
    records, absent = [], 0
    for frame, chosen in zip(frames, np.split(order, starts[1:])):
        frame = int(frame)
        if sequence.pictures and frame not in sequence.pictures:
            absent += 1
            continue
        known = counted[chosen] & (rows.tracks[chosen] >= 0)
        records.append(
            ImageRecord(
                sequence.pictures.get(frame, f'{sequence.video}#{frame}'),
                rows.boxes[chosen],
                np.where(known, rows.tracks[chosen], UNLABELLED),
                ~counted[chosen],
                sequence.width,
                sequence.height,
                extra=dict(
                    video=sequence.name,
                    frame=frame,
                    seconds=sequence.seconds(frame),
                ),
                in_video=not sequence.pictures,
            )
        )
    _note_frames(sequence, frames, absent, notes)
    return records


def _note_frames(
    sequence: MotSequence, frames: np.ndarray, absent: int, notes: list[Note]
) -> None:
    if absent:
        notes.append(
            Note(
                'labelled frames without picture',
                f'{sequence.folder}: {absent}',
                'left out',
            )
        )
    there = len(sequence.pictures) or sequence.length
    bare = there - (len(frames) - absent)
    if bare > 0:
        notes.append(
            Note(
                'frames without rows',
                f'{sequence.folder}: {bare} of {there}',
                'not labelled, so neither images nor empty ones',
            )
        )


def number_persons(train: list[ImageRecord], test: list[ImageRecord]) -> int:
    """Give every person of every sequence one number, in place.

    Those of the training set come first, from 0 without gaps; a person of
    both sets has the same number in both.

    Returns:
        Number of persons in the training set.
    """
    learned = _persons(train)
    numbers = {person: k for k, person in enumerate(sorted(learned))}
    for person in sorted(_persons(test) - learned):
        numbers[person] = len(numbers)
    for record in train + test:
        record.person_ids = np.array(
            [
                numbers.get((record.extra['video'], int(track)), UNLABELLED)
                for track in record.person_ids
            ],
            np.int64,
        )
    return len(learned)


def _persons(records: list[ImageRecord]) -> set[tuple[str, int]]:
    """(sequence, number) of everybody who is to be found."""
    return {
        (record.extra['video'], int(number))
        for record in records
        for number in record.person_ids
        if number >= 0
    }


def _facts(
    sequences: list[MotSequence],
    rows: list[MotRows],
    splits: list[Split],
    options: MotOptions,
) -> dict[str, int]:
    """Counts of the files, before frames without picture are left out."""
    classes = Counter(name for found in rows for name in found.classes)
    counted = [found.counted(options.person_classes) for found in rows]
    facts = {
        'sequences': len(sequences),
        'labelled frames': sum(len(np.unique(r.frames)) for r in rows),
        'rows': sum(len(found.frames) for found in rows),
        'rows not counted': sum(int((~mask).sum()) for mask in counted),
        'persons': len(_persons(splits[0].records + splits[1].records)),
    }
    if set(classes) != {NO_CLASS}:
        for name, count in sorted(classes.items()):
            facts[f'rows of class {name}'] = count
    return facts
