"""The files of an answer: picture, JSON, table, clips and exports."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from mmdet_ps.utils.files import write_bytes, write_json
from mmdet_ps.utils.optional_packages import optional

from ..utils.images import write_image
from ..visualization.drawing import BLUE, GREEN, MUTED
from ..visualization.ranking_picture import Tile, draw_row
from .answer_files import PICTURE, REPORT, TABLE, clip_name, is_clip
from .clips import write_clip
from .exports import to_fiftyone, write_coco, write_mot
from .footage import Footage, Skipped
from .footage_search import FootageSearch, Threshold
from .frames import PICTURE_ERRORS, Frame, FrameReader
from .open_search import COLUMNS, Answer
from .queries import EmbeddedQuery

# Answers and pictures of the query in a picture: a JPEG is 65,500 pixels wide
# at most, and the frames of all of them are in memory.
DRAWN = 100
DRAWN_OF_QUERY = 20


def verdict_of(answers: Sequence[Answer], threshold: Threshold) -> str:
    """Whether the person is there, in a sentence."""
    accepted = sum(answer.accepted for answer in answers)
    if accepted:
        verdict = f'found in {accepted} of the {len(answers)} answers'
    elif answers:
        best = answers[0].similarity
        verdict = f'not found: the best similarity is {best:.2f}'
    else:
        verdict = 'not found: the footage shows nobody but the query'
    return f'{verdict} (threshold {threshold.value:.2f}, {threshold.origin})'


def report_of(
    query: EmbeddedQuery, answers: Sequence[Answer], threshold: Threshold
) -> dict:
    """A query and its answers as plain data, for JSON."""
    pictures = [
        dict(path=frame.path, frame=frame.index, box=box)
        for frame, box in zip(query.frames, query.boxes)
    ]
    return dict(
        query=dict(pictures[0], name=query.name, pictures=pictures),
        threshold=round(threshold.value, 4),
        threshold_origin=threshold.origin,
        found=any(answer.accepted for answer in answers),
        answers=[dict(answer.row(), query=query.name) for answer in answers],
    )


def describe_footage(
    sources: Sequence[str], footage: Footage, search: FootageSearch
) -> dict:
    """What was searched and what was not, as plain data, for JSON.

    Args:
        sources (Sequence[str]): Files and folders as the user named them.
        footage (Footage): What was found there, and what was left out.
        search (FootageSearch): What was searched.
    """
    return dict(
        footage=list(map(str, sources)),
        pictures=len(footage.pictures),
        videos=footage.videos,
        frames=len(search.gallery.frames),
        persons=len(search.gallery),
        tracks=len(search.tracks),
        skipped=dict(
            count=len(footage.skipped),
            reasons=footage.skipped_by_reason(),
            files=[vars(entry) for entry in footage.skipped],
        ),
    )


def sum_up(footage: Footage, search: FootageSearch) -> list[str]:
    """What was searched and what was not, in sentences for the user."""
    names = ', '.join(Path(path).name for path in footage.videos[:5])
    more = ', ...' if len(footage.videos) > 5 else ''
    videos = f' ({names}{more})' if names else ''
    lines = [
        f'searched {len(search.gallery.frames)} frames of '
        f'{len(footage.pictures)} pictures and {len(footage.videos)} '
        f'videos{videos}: {len(search.gallery)} detections of persons in '
        f'{len(search.tracks)} tracks'
    ]
    if footage.skipped:
        reasons = ', '.join(
            f'{count} x {reason}'
            for reason, count in footage.skipped_by_reason().items()
        )
        names = ', '.join(
            Path(entry.path).name for entry in footage.skipped[:5]
        )
        names += ', ...' if len(footage.skipped) > 5 else ''
        lines.append(f'not looked at: {reasons} ({names})')
    return lines


def write_answers(path: Path, rows: Sequence[dict]) -> None:
    """Write answers, as :func:`report_of` gives them, as a CSV file."""
    _write_table(path, [*COLUMNS, 'query'], rows)


def write_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    """Write what was not looked at, and why, as a CSV file."""
    names = [field.name for field in fields(Skipped)]
    _write_table(path, names, [vars(entry) for entry in skipped])


def _write_table(
    path: Path, names: Sequence[str], rows: Sequence[dict]
) -> None:
    """Write a CSV file with a line of names, even if there is no row."""
    table = io.StringIO()
    writer = csv.DictWriter(table, names, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    # Names that are not UTF-8 are written as they are on disk.
    write_bytes(path, table.getvalue().encode(errors='surrogateescape'))


def write_answer(
    folder: Path,
    header: dict,
    query: EmbeddedQuery,
    answers: Sequence[Answer],
    threshold: Threshold,
) -> Path:
    """Write ``ranking.json``, ``ranking.csv`` and ``ranking.jpg`` of a query.

    Args:
        folder (Path): Where to.
        header (dict): What the JSON file begins with, from
            :func:`describe_footage`.
        query (EmbeddedQuery): The person asked for.
        answers (Sequence[Answer]): What was found.
        threshold (Threshold): Least similarity of an accepted answer.

    Returns:
        Path: The picture.
    """
    report = report_of(query, answers, threshold)
    write_json(folder / REPORT, dict(header, **report), indent=1)
    write_answers(folder / TABLE, report['answers'])
    picture = folder / PICTURE
    title = verdict_of(answers, threshold)
    write_image(picture, draw_answers(query, answers, title))
    return picture


def draw_answers(
    query: EmbeddedQuery, answers: Sequence[Answer], title: str
) -> np.ndarray:
    """Draw the query and its answers with crops and scenes.

    Accepted answers have a green frame. Answers whose file is gone, those
    behind the first ``DRAWN``, and pictures of the query behind the first
    ``DRAWN_OF_QUERY`` are left out.

    Returns:
        ndarray: (H, W, 3) uint8, RGB.
    """
    asked = [
        Tile(image[..., ::-1], box, BLUE, 'query', frame.name)
        for image, box, frame in zip(query.images, query.boxes, query.frames)
    ][:DRAWN_OF_QUERY]
    answers = answers[:DRAWN]
    images = load_all([answer.frame for answer in answers])
    tiles = [
        Tile(
            images[answer.frame][..., ::-1],
            answer.bbox,
            GREEN if answer.accepted else MUTED,
            f'{answer.rank}   {answer.similarity:.2f}',
            caption_of(answer),
        )
        for answer in answers
        if answer.frame in images
    ]
    accepted = [tile for tile in tiles if tile.colour == GREEN]
    refused = [tile for tile in tiles if tile.colour == MUTED]
    groups = [('query', asked), ('accepted', accepted)]
    return draw_row(
        [*groups, ('below the threshold', refused)], style='both', title=title
    )


def caption_of(answer: Answer) -> str:
    """Where an answer was seen and, of a track, from when to when."""
    if answer.start < 0:
        return answer.frame.name
    stem = Path(answer.frame.path).stem
    return f'{stem} {clock(answer.start)}-{clock(answer.end)}'


def clock(seconds: float) -> str:
    """Seconds as ``minutes:seconds``, with hours where there are any."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    head = f'{hours}:{minutes:02d}' if hours else f'{minutes}'
    return f'{head}:{rest:04.1f}'


def load_all(frames: Sequence[Frame]) -> dict[Frame, np.ndarray]:
    """Read frames as BGR uint8 images (H, W, 3); those gone are left out.

    A video is read forwards, whatever the order of the frames.
    """
    images, reader = {}, FrameReader()
    try:
        for frame in sorted(set(frames), key=lambda f: (f.path, f.index)):
            try:
                images[frame] = reader.read(frame)
            except PICTURE_ERRORS:
                continue  # the footage changed since it was indexed
    finally:
        reader.close()
    return images


def write_clips(
    folder: Path, search: FootageSearch, answers: Sequence[Answer]
) -> list[Path]:
    """Write a clip of every accepted answer that is a track of a video.

    Clips that an earlier search left in the folder are removed.

    Returns:
        list[Path]: The files written, named by the rank of the answer.
    """
    for old in filter(is_clip, folder.glob('*')):
        old.unlink()
    written = []
    for answer in answers:
        if answer.accepted and answer.track >= 0 and answer.start >= 0:
            path = folder / clip_name(answer.rank)
            write_clip(path, search.gallery, search.tracks, answer.track)
            written.append(path)
    return written


def export_answers(
    folder: Path,
    form: str,
    search: FootageSearch,
    chosen: dict[int, str],
) -> list[Path]:
    """Write tracks for another tool.

    What an earlier search wrote in that form is removed.

    Args:
        folder (Path): Where to.
        form (str): ``mot``, ``coco`` or ``fiftyone``.
        search (FootageSearch): Has the tracks.
        chosen (dict[int, str]): Number of a track -> name of the person.

    Returns:
        list[Path]: The files or folders written.

    Raises:
        UserError: FiftyOne is asked for and not installed.
    """
    gallery, tracks = search.gallery, search.tracks
    if form == 'mot':
        for old in (folder / 'mot').glob('*.txt'):
            old.unlink()
        return write_mot(folder / 'mot', gallery, tracks, chosen)
    if form == 'coco':
        write_coco(folder / 'coco.json', gallery, tracks, chosen)
        return [folder / 'coco.json']
    datasets = to_fiftyone(gallery, tracks, chosen)
    kind = optional('fiftyone').types.FiftyOneDataset
    for old in folder.glob('fiftyone-*'):
        if old.name.removeprefix('fiftyone-').isdecimal():
            shutil.rmtree(old)
    written = []
    for number, dataset in enumerate(datasets):
        target = folder / f'fiftyone-{number}'
        dataset.export(str(target), dataset_type=kind, export_media=False)
        written.append(target)
    return written
