"""One person looked for on the page: picture, box, answers, judgements.

It knows nothing of browsers: ``search_page`` shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mmdet_ps.utils.errors import UserError

from .answer_files import EXPORTS, INDEX, REPORT, TABLE
from .detections import Detections
from .footage import Footage
from .footage_search import FootageSearch, Threshold
from .frames import Frame, load_frame
from .gallery_index import GalleryIndex, model_mark
from .gallery_store import load_gallery
from .open_search import Answer
from .queries import EmbeddedQuery
from .search_report import describe_footage, export_answers, write_answer

if TYPE_CHECKING:
    from torch import nn

Corners = tuple[float, float, float, float]
SMALLEST = 4.0  # pixels; a smaller box was a click


class PersonFinder:
    """A model and indexed footage, for any number of sessions at once.

    Args:
        model: From ``init_model``; the one the footage was indexed with.
        search (FootageSearch): The footage.
        source (Path): The gallery's file, as the user named it.
        threshold (Threshold): By default that of
            :meth:`FootageSearch.threshold`.
        score_thr (float): Persons of a lower score are not found in a
            picture.
    """

    def __init__(
        self,
        model: nn.Module,
        search: FootageSearch,
        source: Path,
        threshold: Threshold | None = None,
        score_thr: float = 0.3,
    ) -> None:
        self.model, self.search, self.source = model, search, source
        self.threshold = threshold or search.threshold()
        self.score_thr = score_thr
        # Browsers ask from several threads; the model answers one.
        self._lock = threading.Lock()

    def detect(self, image: np.ndarray) -> Detections:
        """The persons in a BGR uint8 image (H, W, 3)."""
        from .inference import detect  # imports MMDetection

        with self._lock:
            return detect(self.model, image, score_thr=self.score_thr)

    def embed(self, image: np.ndarray, box: Sequence[float]) -> np.ndarray:
        """(D,) unit vector of the person in an xyxy box of a BGR image.

        Raises:
            UserError: If the model has none for it.
        """
        from .inference import embed_boxes

        with self._lock:
            vector = embed_boxes(self.model, image, [list(box)])[0]
        if not vector.any():
            raise UserError(
                'the model finds nobody in this picture, so that it has no '
                'embedding for the box: take a clearer picture'
            )
        return vector

    def files(self) -> dict[str, list[Frame]]:
        """The frames of the gallery by picture or video, in order."""
        found: dict[str, list[Frame]] = {}
        for frame in self.search.gallery.frames:
            found.setdefault(frame.path, []).append(frame)
        for frames in found.values():
            frames.sort(key=lambda frame: frame.index)
        return found

    def persons_in(self, frame: Frame) -> np.ndarray:
        """(N, 4) xyxy boxes of the gallery's persons in a frame."""
        gallery = self.search.gallery
        number = gallery.frames.index(frame)
        return np.array(gallery.bboxes[gallery.frame_of == number])


def gallery_of_model(
    path: str | Path, model: nn.Module, score_thr: float
) -> tuple[Path, GalleryIndex]:
    """Read a gallery, if it was made with a model.

    Args:
        path (str | Path): What ``tools/search_folder.py`` keeps: the file
            ``index.npz``, or the folder it is in.
        model: From ``init_model``.
        score_thr (float): The one the gallery was made with.

    Returns:
        tuple[Path, GalleryIndex]: The file and the gallery.

    Raises:
        UserError: If it is missing, empty, damaged, or of another model.
    """
    path = Path(path)
    if path.is_dir():
        path = path / INDEX
    if not path.is_file():
        raise UserError(
            f'{path} is not there: index footage first, with '
            'tools/search_folder.py CONFIG CHECKPOINT FOOTAGE --index-only '
            f'--out {path.parent}'
        )
    gallery = load_gallery(path)
    if gallery.model_mark != model_mark(model, score_thr):
        raise UserError(
            f'{path} was made with another model, other test settings or '
            'another --score-thr: name those, or index the footage again'
        )
    if not len(gallery):
        raise UserError(f'{path} holds no person: index other footage')
    return path, gallery


@dataclass
class Scene:
    """The picture that a person is chosen in.

    Args:
        frame (Frame): Where it is from.
        image (ndarray): BGR uint8 (H, W, 3).
        boxes (ndarray): (N, 4) xyxy of the persons found in it.
    """

    frame: Frame
    image: np.ndarray
    boxes: np.ndarray


@dataclass
class SearchSession:
    """What one visitor of the page has done so far.

    Args:
        finder (PersonFinder): Model and footage.
        out (Path): Folder that exports are written to.

    Attributes:
        scene (Scene): The picture shown.
        box (tuple): xyxy of the person chosen in it.
        query (EmbeddedQuery): The person last searched for.
        threshold (Threshold): The threshold of that search.
        answers (list[Answer]): What was found.
    """

    finder: PersonFinder
    out: Path
    scene: Scene | None = None
    box: Corners | None = None
    query: EmbeddedQuery | None = None
    threshold: Threshold | None = None
    answers: list[Answer] = field(default_factory=list)

    def show_upload(self, name: str, content: bytes) -> None:
        """Take a picture from the visitor's disk.

        Raises:
            UserError: If OpenCV cannot decode it.
        """
        data = np.frombuffer(content, np.uint8)
        try:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        except cv2.error:  # a header that announces too large an image
            image = None
        if image is None:
            raise UserError(
                f'{name} is not an image OpenCV can read: convert it to JPEG '
                'or PNG'
            )
        found = self.finder.detect(image)
        self._show(Scene(Frame(name), image, found.bboxes))

    def show_frame(self, frame: Frame) -> None:
        """Take a frame of the footage, with the persons known there."""
        image = load_frame(frame)
        self._show(Scene(frame, image, self.finder.persons_in(frame)))

    def _show(self, scene: Scene) -> None:
        self.scene, self.box = scene, None
        if len(scene.boxes) == 1:
            self.box = _corners(scene.boxes[0])

    def choose_at(self, x: float, y: float) -> bool:
        """Choose the box around a point.

        Of several it is the one whose middle is nearest, measured in its own
        width and height: large boxes reach over small ones.

        Args:
            x, y (float): The point, in pixels of the scene.

        Returns:
            bool: Whether there is a box.
        """
        if self.scene is None:
            return False
        x1, y1, x2, y2 = self.scene.boxes.T
        away = np.hypot(
            (2 * x - x1 - x2) / np.maximum(x2 - x1, 1e-6),
            (2 * y - y1 - y2) / np.maximum(y2 - y1, 1e-6),
        )
        inside = (x1 <= x) & (x <= x2) & (y1 <= y) & (y <= y2)
        if not inside.any():
            return False
        nearest = np.where(inside, away, np.inf).argmin()
        self.box = _corners(self.scene.boxes[nearest])
        return True

    def choose_box(
        self, first: tuple[float, float], second: tuple[float, float]
    ) -> bool:
        """Choose the box that was drawn between two corners.

        Args:
            first, second (tuple[float, float]): x and y of the corners, in
                pixels of the scene; they are moved into it.

        Returns:
            bool: Whether the box is large enough to be one; a smaller one is
            not chosen.
        """
        if self.scene is None:
            return False
        height, width = self.scene.image.shape[:2]
        x1, x2 = sorted(min(max(p[0], 0), width) for p in (first, second))
        y1, y2 = sorted(min(max(p[1], 0), height) for p in (first, second))
        if min(x2 - x1, y2 - y1) < SMALLEST:
            return False
        self.box = (x1, y1, x2, y2)
        return True

    def find(self, threshold: float | None = None, top_k: int = 10) -> None:
        """Search for the chosen person.

        Args:
            threshold (float): Least similarity of the same person; by
                default the finder's.
            top_k (int): Greatest number of answers.

        Raises:
            UserError: If nobody is chosen.
        """
        # (the visitor may go on to another picture meanwhile)
        scene, box = self.scene, self.box
        if scene is None or box is None:
            raise UserError(
                'nobody is chosen: click on a person, or draw a box'
            )
        least = self.finder.threshold
        if threshold is not None and threshold != round(least.value, 2):
            least = Threshold(threshold, 'given')
        query = EmbeddedQuery(
            Path(scene.frame.path).stem,
            self.finder.embed(scene.image, box),
            [scene.frame],
            [list(box)],
            [scene.image],
        )
        self.answers = self.finder.search.find(query, least.value, top_k)
        self.query, self.threshold = query, least

    def judge(self, rank: int, accepted: bool) -> None:
        """Accept or reject the answer of a rank, whatever the threshold."""
        self.answers = [
            replace(answer, accepted=accepted)
            if answer.rank == rank
            else answer
            for answer in self.answers
        ]

    def export(self, forms: Sequence[str] = ()) -> list[Path]:
        """Write the answers as they are judged now.

        Args:
            forms (Sequence[str]): Further forms to write the accepted tracks
                in, out of ``exports.FORMS``.

        Returns:
            list[Path]: The files written.

        Raises:
            UserError: If nothing was searched for.
        """
        if self.query is None or self.threshold is None:
            raise UserError('there is nothing to export: search first')
        search = self.finder.search
        picture = write_answer(
            self.out, self._header(), self.query, self.answers, self.threshold
        )
        written = [picture, self.out / REPORT, self.out / TABLE]
        chosen = {
            answer.track: self.query.name
            for answer in self.answers
            if answer.accepted
        }
        for form in forms:
            folder = self.out / EXPORTS
            written += export_answers(folder, form, search, chosen)
        return written

    def _header(self) -> dict:
        """What was searched, as in the reports of the command line."""
        footage = Footage()
        for path, frames in self.finder.files().items():
            is_video = frames[0].index >= 0
            (footage.videos if is_video else footage.pictures).append(path)
        source = str(self.finder.source)
        return describe_footage([source], footage, self.finder.search)


def _corners(box: np.ndarray) -> Corners:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2
