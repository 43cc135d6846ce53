"""The persons asked for: pictures, boxes in them, and one embedding each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmdet_ps.utils.errors import UserError

from ..utils.images import IMAGE_SUFFIXES, write_image
from ..utils.videos import VIDEO_SUFFIXES
from ..visualization.drawing import BLUE, draw_boxes
from .answer_files import CHOICE
from .frames import Frame, FrameReader

if TYPE_CHECKING:
    from torch import nn

COLUMNS = ('name', 'path', 'frame', 'x1', 'y1', 'x2', 'y2')


@dataclass
class QueryPicture:
    """One picture of a person.

    Args:
        path (str): An image, or a video with ``frame``.
        frame (int): Number of the frame in a video, from 0.
        box (list[float]): Box of the person, xyxy in pixels; None lets the
            model find it.
        person (int): Which of the persons found is meant, from 0 in the
            order of their scores; not needed where there is only one.
    """

    path: str
    frame: int | None = None
    box: list[float] | None = None
    person: int | None = None


@dataclass
class Query:
    """A person asked for, by one picture or several.

    Args:
        name (str): Name of the person, and of the folder of the answer.
        pictures (list[QueryPicture]): At least one.
    """

    name: str
    pictures: list[QueryPicture] = field(default_factory=list)


@dataclass
class EmbeddedQuery:
    """A query as the search takes it.

    Args:
        name (str): Name of the person.
        embedding (ndarray): (D,) unit vector, the mean of the pictures'.
        frames (list[Frame]): Where each picture is from.
        boxes (list[list[float]]): Box of the person in each, xyxy in pixels.
        images (list[ndarray]): The pictures, BGR uint8 (H, W, 3).
    """

    name: str
    embedding: np.ndarray
    frames: list[Frame]
    boxes: list[list[float]]
    images: list[np.ndarray]


def read_query_table(path: str | Path) -> list[Query]:
    """Read queries from a CSV file; rows of one name show one person.

    Columns: ``name``, ``path`` and, where they are needed, ``frame`` and
    ``x1 y1 x2 y2``, see :class:`QueryPicture`. Paths are relative to the
    file.

    Raises:
        UserError: The file is not UTF-8 or has no row, or a row has no path,
            a part of a box alone, or words in place of numbers; file and
            line are named.
    """
    queries: dict[str, Query] = {}
    try:
        text = Path(path).read_bytes().decode('utf-8-sig')
    except UnicodeDecodeError:
        raise UserError(
            f'{path}: is not UTF-8: save it as "CSV UTF-8"'
        ) from None
    with io.StringIO(text, newline='') as file:
        rows = csv.DictReader(file)
        try:
            for row in rows:
                name, picture = _table_row(row, Path(path).parent)
                queries.setdefault(name, Query(name)).pictures.append(picture)
        except (ValueError, csv.Error):
            raise UserError(
                f'{path}: line {rows.line_num} is no query: the columns are '
                f'{",".join(COLUMNS)}, the last five may be empty'
            ) from None
    if not queries:
        raise UserError(f'{path} holds no query: write one a line')
    return list(queries.values())


def _table_row(
    row: dict[str, str | None], folder: Path
) -> tuple[str, QueryPicture]:
    cells = {key: (row.get(key) or '').strip() for key in COLUMNS}
    corners = [cells[key] for key in COLUMNS[3:]]
    if not cells['path'] or any(corners) != all(corners):
        raise ValueError(row)
    picture = QueryPicture(
        str(folder / cells['path']),
        int(cells['frame']) if cells['frame'] else None,
        [float(corner) for corner in corners] if any(corners) else None,
    )
    return cells['name'] or Path(cells['path']).stem, picture


def check_names(queries: Iterable[Query]) -> None:
    """Give every query a name of its own that a folder can have, in place.

    A query without a name takes that of its picture, one whose name is taken
    gets a number behind it, and characters that a folder's name may lack are
    replaced by ``_``.
    """
    taken: set[str] = set()
    for query in queries:
        name = query.name or Path(query.pictures[0].path).stem
        name = ''.join(c if c.isalnum() or c in '-_. ' else '_' for c in name)
        name = name.strip('. ') or 'query'
        number, own = 2, name
        while own.lower() in taken:
            own, number = f'{name}-{number}', number + 1
        taken.add(own.lower())
        query.name = own


def embed_query(
    model: nn.Module,
    query: Query,
    out: Path,
    score_thr: float = 0.3,
    resize: bool = True,
) -> EmbeddedQuery:
    """The embedding of a person, fused from all pictures.

    Args:
        model: From ``init_model``.
        query (Query): The person.
        out (Path): Folder for a picture of the persons found, where it is
            not clear which one is meant.
        score_thr (float): Persons less certain are not found.
        resize (bool): Scale as the config's test pipeline does.

    Raises:
        UserError: If a picture cannot be read, or does not say who is
            meant, or the model has no embedding of the person.
    """
    from .inference import embed_boxes  # imports MMDetection

    result = EmbeddedQuery(query.name, np.zeros(0), [], [], [])
    vectors = []
    for picture in query.pictures:
        frame, image = load_query(picture)
        box = picture.box
        if box is None:
            box = find_box(model, image, picture, out, score_thr)
        vector = embed_boxes(model, image, [box], resize)[0]
        if not vector.any():
            raise UserError(
                f'the model finds nobody in {picture.path}, so that it has '
                'no embedding for the box: take a clearer picture'
            )
        vectors.append(vector)
        result.frames.append(frame)
        result.boxes.append(list(map(float, box)))
        result.images.append(image)
    result.embedding = fuse(np.array(vectors))
    return result


def fuse(vectors: np.ndarray) -> np.ndarray:
    """The mean direction of (N, D) unit vectors, as a (D,) unit vector.

    Pictures of one person differ in pose, light and camera; what they have
    in common is the person.
    """
    mean = vectors.mean(axis=0)
    return mean / max(np.linalg.norm(mean), 1e-12)


def load_query(picture: QueryPicture) -> tuple[Frame, np.ndarray]:
    """Read a picture of a person.

    Returns:
        tuple[Frame, np.ndarray]: Where it is from, and its BGR uint8 image
        (H, W, 3).

    Raises:
        FileNotFoundError: If it is not there.
        UserError: If it is a folder, a video without number of a frame, an
            image with one, or nothing that OpenCV reads.
    """
    path, number = Path(picture.path), picture.frame
    if path.is_dir():
        raise UserError(
            f'{path} is a folder: name a picture of the person, or several'
        )
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES and number is None:
        raise UserError(f'{path} is a video: add --query-frame N')
    # Of another form, it is what it is said to be.
    is_video = suffix not in IMAGE_SUFFIXES and number is not None
    if number is not None and (number < 0 or not (is_video or number == 0)):
        raise UserError(
            f'--query-frame {number}: {path} is '
            + (
                'a video, whose frames count from 0'
                if is_video
                else 'no video'
            )
        )
    reader = FrameReader()
    try:
        index = number if is_video and number is not None else -1
        frame = Frame(str(path), index)
        image = reader.read(frame)
        return reader.frame or frame, image
    finally:
        reader.close()


def find_box(
    model: nn.Module,
    image: np.ndarray,
    picture: QueryPicture,
    out: Path,
    score_thr: float,
) -> list[float]:
    """Find the box of the person meant.

    Args:
        model: From ``init_model``.
        image (ndarray): The picture, BGR uint8 (H, W, 3).
        picture (QueryPicture): Its ``person`` says who is meant.
        out (Path): Folder that ``query_persons.jpg`` is written to where
            that is not clear.
        score_thr (float): Persons of a lower score are not found.

    Returns:
        list[float]: xyxy, pixels.

    Raises:
        UserError: Nobody is found, or several are and none is named; they
            are listed.
    """
    from .inference import detect  # imports MMDetection

    found = detect(model, image, score_thr=score_thr)
    number, count = picture.person, len(found.bboxes)
    if number is None and count == 1:
        number = 0
    if number is not None and 0 <= number < count:
        return found.bboxes[number].tolist()
    if count == 0:
        raise UserError(
            f'nobody is found in {picture.path}: give the person with --box '
            'X1 Y1 X2 Y2, or lower --score-thr'
        )
    names = [str(i) for i in range(count)]
    drawn = draw_boxes(
        np.ascontiguousarray(image[..., ::-1]),
        found.bboxes,
        names,
        [BLUE] * count,
    )
    write_image(out / CHOICE, drawn)
    listed = '; '.join(
        f'{i}: {" ".join(f"{value:.0f}" for value in box)}'
        for i, box in enumerate(found.bboxes)
    )
    raise UserError(
        f'{count} persons are found in {picture.path} ({listed}): name one '
        f'with --person, see {out / CHOICE}'
    )
