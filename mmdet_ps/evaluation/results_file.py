"""The results of a test run on disk.

There are two forms: the dump of ``tools/test.py --out``, and the lists that
the scripts of AlignPS and ROI-AlignPS write (``results_1000.pkl``), which
other projects share and which are called legacy files here.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchResults
from mmdet_ps.structures.fields import SCENE
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing

from .records import AGAIN, checked_records
from .safe_pickle import load_numbers
from .settings import SearchSettings, resolve

FORM = 'mmdet_ps search results 1'
NUM_FIXED = 5  # x1 y1 x2 y2 score, then the embedding


@dataclass
class ResultsFile:
    """Results as they are stored.

    Args:
        records (list[dict]): one dict of arrays per image, see
            ``records.py``.
        header (dict): ``dataset``, ``config``, ``version``, and ``preset``
            and ``settings`` of the scoring; empty for legacy files.
        path (str): where they came from, for messages.
    """

    records: list[dict]
    header: dict = field(default_factory=dict)
    path: str = ''

    @property
    def legacy(self) -> bool:
        """Whether the file says nothing of the run that wrote it."""
        return not self.header

    @property
    def has_given_boxes(self) -> bool:
        """Whether annotated boxes were embedded, as in no legacy file."""
        return to_results(self.records[:1]).has_given_boxes

    def settings(
        self, dataset: str | None = None, **options
    ) -> SearchSettings:
        """How to score the file: as its run did, but for the options.

        Args:
            dataset (str): name of the dataset; by default what the file says.
            **options: as :func:`resolve` takes them.
        """
        return resolve(
            self.header,
            dataset or self.header.get('dataset') or '',
            self.has_given_boxes,
            **options,
        )

    def align(self, images: Sequence[str]) -> SearchResults:
        """The results in the order of a protocol.

        Images are found by the end of their path. Legacy files name none, so
        that theirs must have the order of the protocol already.

        Args:
            images (Sequence[str]): names of the images of the protocol.

        Raises:
            UserError: An image is missing, or is not in the protocol.
        """
        if self.legacy and len(self.records) != len(images):
            raise UserError(
                f'{self.path}: {len(self.records)} images, but the test set '
                f'has {len(images)}; legacy results must be those of the '
                'whole test set, in its order'
            )
        records = (
            self.records
            if self.legacy
            else align_records(self.records, images, self.path)
        )
        return to_results(records)


def save_results(
    path: str | Path, records: Sequence[dict], header: dict
) -> None:
    """Write a dump.

    Args:
        path (str | Path): the file; an existing one is replaced.
        records (Sequence[dict]): one dict of arrays per image, see
            ``records.py``.
        header (dict): what is to be known of the run, as
            :class:`ResultsFile` lists it; plain values.
    """
    with replacing(path) as beside, open(beside, 'wb') as stream:
        pickle.dump(
            dict(header=dict(header, form=FORM), images=list(records)),
            stream,
            protocol=4,
        )


def load_results(path: str | Path) -> ResultsFile:
    """Read a dump or a legacy file.

    Nothing that the file may contain is run, see ``safe_pickle.py``.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It is damaged, holds something else than results, or asks
            for more than an array.
    """
    content: Any = load_numbers(path)
    if isinstance(content, dict):
        header = _checked_header(content.get('header'), path)
        records: Any = content.get('images')
    else:
        header, records = {}, _legacy_records(content, path)
    return ResultsFile(checked_records(records, str(path)), header, str(path))


def _checked_header(header: Any, path: str | Path) -> dict:
    """A header that says how to score, or does not say it."""
    form = header.get('form') if isinstance(header, dict) else None
    if not isinstance(form, str) or form != FORM:
        raise UserError(
            f'{path}: a dict without the header of {FORM!r}; write it with '
            'tools/test.py --out'
        )
    kinds = dict(dataset=str, preset=str | None, settings=dict | None)
    for key, kind in kinds.items():
        value = header.get(key)
        if value is not None and not isinstance(value, kind):
            raise UserError(
                f'{path}: {key} of its header is a {type(value).__name__}; '
                f'{AGAIN}'
            )
    if not all(isinstance(key, str) for key in header.get('settings') or ()):
        raise UserError(
            f'{path}: the settings of its header have no names; {AGAIN}'
        )
    try:
        resolve(header, header.get('dataset') or '', True)
    except UserError as error:
        raise UserError(
            f'{path}: the scoring of its header: {error}'
        ) from None
    return header


def to_results(records: Sequence[dict]) -> SearchResults:
    """Join one dict of arrays per image to long arrays.

    Args:
        records (Sequence[dict]): in the order of the protocol.

    Raises:
        UserError: Embeddings of detections and of annotated boxes cannot be
            compared.
    """
    detections = PersonBoxes.join(records)
    scenes = None
    if records and SCENE in records[0]:
        scenes = np.stack([record[SCENE] for record in records])
        scenes = scenes.astype(np.float32)
    if not records or not all('gt_bboxes' in record for record in records):
        return SearchResults(detections, scenes=scenes)
    given = PersonBoxes.join(records, 'gt_')
    widths = {
        part: value.shape[1] for part, value in detections.embeddings.items()
    }
    joint = given.embeddings.get('default')
    if (
        len(widths) > 1
        and joint is not None
        and joint.shape[1] == sum(widths.values())
    ):
        ends = np.cumsum(list(widths.values()))[:-1]
        given.embeddings = dict(zip(widths, np.split(joint, ends, axis=1)))
    found = {part: value.shape[1] for part, value in given.embeddings.items()}
    if found and len(given) and len(detections) and found != widths:
        raise UserError(
            f'detections have embeddings of the sizes {widths}, annotated '
            f'boxes of the sizes {found}; they must be the same to be compared'
        )
    return SearchResults(detections, given, scenes)


def align_records(
    records: Sequence[dict], images: Sequence[str], source: str = 'results'
) -> list[dict]:
    """Put records into the order of a protocol, by the end of their paths.

    Args:
        records (Sequence[dict]): with ``img_path``, in any order.
        images (Sequence[str]): names of the images of the protocol.
        source (str): where the records come from, for messages.

    Raises:
        UserError: An image is missing, or is not in the protocol.
    """
    index = {image: k for k, image in enumerate(images)}
    placed: list[dict | None] = [None] * len(images)
    for number, record in enumerate(records):
        path = str(record.get('img_path', '')).replace('\\', '/')
        tail = path
        while tail not in index and '/' in tail:
            tail = tail.split('/', 1)[1]
        if tail not in index:
            raise UserError(
                f'{source}: image {path or number!r} is not in '
                'the protocol; are dataset and split the same?'
            )
        placed[index[tail]] = record
    whole = [record for record in placed if record is not None]
    if len(whole) < len(images):
        lost = placed.index(None)
        raise UserError(
            f'{source}: nothing for image {images[lost]} '
            f'({len(images) - len(whole)} of {len(images)} images are '
            'missing); scoring needs the results of the whole test set'
        )
    return whole


def _legacy_records(content: object, path: str | Path) -> list[dict]:
    """Records of one list of arrays, or of two for two feature sets."""
    if not isinstance(content, (list, tuple)) or not len(content):
        raise UserError(
            f'{path}: neither a dump of tools/test.py nor a '
            'list of detections per image; name a file that tools/test.py '
            '--out or an AlignPS test script has written'
        )
    two = (
        len(content) == 2
        and isinstance(content[0], (list, tuple))
        and len(content[0]) > 0
        and isinstance(content[0][0], (list, tuple))
        and isinstance(content[1], (list, tuple))
    )
    if not two:
        return [
            _legacy_image(entry, k, 'embeddings', path)
            for k, entry in enumerate(content)
        ]
    dense, roi = content
    if len(dense) != len(roi):
        raise UserError(
            f'{path}: {len(dense)} images in the first branch, '
            f'{len(roi)} in the second; they must be the same: {AGAIN}'
        )
    records = []
    for k, (first, second) in enumerate(zip(dense, roi)):
        record = _legacy_image(first, k, 'dense_embeddings', path)
        other = _legacy_image(second, k, 'roi_embeddings', path)
        if len(other['bboxes']) != len(record['bboxes']):
            raise UserError(
                f'{path}: image {k} has {len(record["bboxes"])} detections '
                f'in the first branch, {len(other["bboxes"])} in the second; '
                f'{AGAIN}'
            )
        record['roi_embeddings'] = other['roi_embeddings']
        records.append(record)
    return records


def _legacy_image(
    entry: object, number: int, key: str, path: str | Path
) -> dict:
    """The record of one array of rows x1 y1 x2 y2 score embedding."""
    if isinstance(entry, (list, tuple)) and len(entry) == 1:
        entry = entry[0]
    rows = entry if isinstance(entry, np.ndarray) else np.zeros(0)
    if rows.ndim == 2 and not len(rows):
        rows = np.zeros((0, max(rows.shape[1], NUM_FIXED)), np.float32)
    elif rows.ndim != 2 or rows.shape[1] <= NUM_FIXED:
        what = (
            f'an array of shape {entry.shape}'
            if isinstance(entry, np.ndarray)
            else type(entry).__name__
        )
        raise UserError(
            f'{path}: image {number} is {what}, not (n, 5 + D): x1 y1 x2 y2 '
            'score embedding; was it written by an AlignPS test script?'
        )
    return {'bboxes': rows[:, :4], 'scores': rows[:, 4], key: rows[:, 5:]}
