"""The persons of a folder or video, embedded once and kept on disk."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing

from .detections import Detections
from .frames import Frame, iterate_frames
from .onnx_model import OnnxModel

if TYPE_CHECKING:
    from torch import nn

FORMAT_VERSION = 1
# What numpy, json, zipfile and zlib raise of a damaged file.
DAMAGE = (
    OSError, ValueError, KeyError, TypeError, EOFError, IndexError,
    AttributeError, OverflowError, MemoryError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
# What says nothing about the content of a file.
UNREADABLE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT,
     errno.ENOMEM, errno.EMFILE, errno.ENFILE)
)  # fmt: skip


def is_unreadable(error: Exception) -> bool:
    """Whether a file could not be read, whole or not: it must not be lost."""
    return isinstance(error, OSError) and error.errno in UNREADABLE


@dataclass
class GalleryIndex:
    """P persons found in F frames.

    Args:
        frames: F frames; those without persons are kept, so that they are
            not searched again.
        stamps: F texts that tell one state of a frame's file from another,
            see :func:`stamp`; they are those of the search.
        frame_of: (P,) int64 index into ``frames``.
        bboxes: (P, 4) float32 xyxy in pixels of the frame.
        scores: (P,) float32 detection scores.
        embeddings: (P, D) float32 unit vectors.
        model_mark: Tells which model made the embeddings, see
            :func:`model_mark`.

    Raises:
        UserError: The arrays differ in length.
    """

    frames: list[Frame]
    stamps: list[str]
    frame_of: np.ndarray
    bboxes: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray
    model_mark: str

    def __post_init__(self):
        persons = len(self.frame_of)
        lengths = [len(self.bboxes), len(self.scores), len(self.embeddings)]
        if lengths != [persons] * 3 or len(self.stamps) != len(self.frames):
            raise UserError(
                f'gallery index: {persons} persons but {lengths} boxes, '
                'scores and embeddings: delete the file and build it again'
            )

    def __len__(self) -> int:
        return len(self.frame_of)

    def search(self, embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Persons by falling similarity to a (D,) unit vector.

        Returns:
            (P,) indices of persons and their (P,) cosine similarities.
        """
        if len(self) == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        similarities = self.embeddings @ np.asarray(embedding).reshape(-1)
        order = np.argsort(-similarities, kind='stable')
        return order, similarities[order]

    @classmethod
    def empty(cls, model_mark: str) -> GalleryIndex:
        """An index of no frame, to which embeddings of any length can be
        added."""
        return cls(
            frames=[],
            stamps=[],
            frame_of=np.zeros(0, np.int64),
            bboxes=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            embeddings=np.zeros((0, 0), np.float32),
            model_mark=model_mark,
        )

    def select(self, frames: Iterable[Frame]) -> GalleryIndex:
        """The part of the index that some of its frames make up.

        Args:
            frames (Iterable[Frame]): Frames of the index, in the order that
                the part is to have; one that is repeated counts once.
        """
        new_of = {frame: i for i, frame in enumerate(dict.fromkeys(frames))}
        stamps = dict(zip(self.frames, self.stamps))
        moved = np.array(
            [new_of.get(frame, -1) for frame in self.frames], dtype=np.int64
        )[self.frame_of]
        kept = np.flatnonzero(moved >= 0)
        kept = kept[np.argsort(moved[kept], kind='stable')]
        if len(kept) and (np.diff(kept) == 1).all():
            # A part is not copied: embeddings may be mapped into memory.
            kept = slice(int(kept[0]), int(kept[-1]) + 1)
        return GalleryIndex(
            frames=list(new_of),
            stamps=[stamps[frame] for frame in new_of],
            frame_of=moved[kept],
            bboxes=self.bboxes[kept],
            scores=self.scores[kept],
            embeddings=self.embeddings[kept],
            model_mark=self.model_mark,
        )

    def extended(
        self,
        rows: list[tuple[Frame, Detections]],
        stamps: dict[Frame, str],
    ) -> GalleryIndex:
        """This index with the persons of further frames, as a new one.

        Args:
            rows (list[tuple[Frame, Detections]]): The frames, with what was
                found in each.
            stamps (dict[Frame, str]): See the class; of these frames.
        """
        counts = [len(found.scores) for _, found in rows]
        vectors = [found.embeddings for _, found in rows if len(found.scores)]
        if len(self):
            vectors.insert(0, self.embeddings)
        new_frames = np.arange(len(rows)) + len(self.frames)
        return GalleryIndex(
            frames=self.frames + [frame for frame, _ in rows],
            stamps=self.stamps + [stamps[frame] for frame, _ in rows],
            frame_of=np.concatenate(
                [self.frame_of, np.repeat(new_frames, counts)]
            ).astype(np.int64),
            bboxes=np.concatenate(
                [self.bboxes, *[found.bboxes for _, found in rows]]
            ),
            scores=np.concatenate(
                [self.scores, *[found.scores for _, found in rows]]
            ),
            embeddings=(
                np.concatenate(vectors) if vectors else self.embeddings
            ),
            model_mark=self.model_mark,
        )

    def save(self, path: str | Path) -> None:
        """Write the index; a run that is interrupted leaves the old file."""
        header = json.dumps(
            dict(
                version=FORMAT_VERSION,
                model_mark=self.model_mark,
                frames=[asdict(frame) for frame in self.frames],
                stamps=self.stamps,
            )
        )
        with replacing(path) as beside, open(beside, 'wb') as file:
            np.savez_compressed(
                file,
                header=np.array(header),
                frame_of=self.frame_of,
                bboxes=self.bboxes,
                scores=self.scores,
                embeddings=self.embeddings,
            )

    @classmethod
    def load(cls, path: str | Path) -> GalleryIndex:
        """Read what ``save`` wrote; ``load_gallery`` reads a store, too.

        Plain arrays are read, nothing is unpickled.

        Raises:
            OSError: The file cannot be read.
            UserError: If the file is damaged or another.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                header = json.loads(str(data['header']))
                if header['version'] != FORMAT_VERSION:
                    raise UserError(f'version {header["version"]}')
                return cls(
                    frames=[Frame(**frame) for frame in header['frames']],
                    stamps=header['stamps'],
                    frame_of=data['frame_of'],
                    bboxes=data['bboxes'],
                    scores=data['scores'],
                    embeddings=data['embeddings'],
                    model_mark=header['model_mark'],
                )
        except FileNotFoundError:
            raise
        except DAMAGE as error:
            if is_unreadable(error):
                raise
            raise UserError(
                f'{path} is not a gallery index of this release ({error}): '
                'delete it, it is built again'
            ) from error


def build_index(
    model: nn.Module,
    frames: list[Frame],
    score_thr: float = 0.3,
    known: GalleryIndex | None = None,
    progress: Callable[[Iterable], Iterable] = lambda frames: frames,
    keep: Callable[[GalleryIndex], None] | None = None,
    keep_every: int = 200,
) -> GalleryIndex:
    """Search frames for persons, reusing what an earlier index knows.

    Args:
        model: From ``init_model``.
        frames: What to search, from ``list_frames``; each once.
        score_thr: Detections of a lower score are left out.
        known: Earlier index; its frames are reused if the file has not
            changed and the model, its test settings and ``score_thr`` are
            the same.
        progress: Wraps the list of the frames still to be searched.
        keep: Called with the unfinished index every ``keep_every`` frames,
            to save it, so that a long run can be continued.
        keep_every: Number of newly searched frames between two such calls.

    Returns:
        GalleryIndex: The persons of ``frames``, in their order.
    """
    from .inference import detect  # imports MMDetection

    mark = model_mark(model, score_thr)
    stamps = {frame: stamp(frame) for frame in frames}
    index = GalleryIndex.empty(mark)
    if known is not None and known.model_mark == mark:
        index = known.select(
            frame
            for frame, old in zip(known.frames, known.stamps)
            if stamps.get(frame) == old
        )
    done = set(index.frames)
    missing = [f for f in dict.fromkeys(frames) if f not in done]
    rows = []
    for frame, image in progress(LoadedFrames(missing)):
        rows.append((frame, detect(model, image, score_thr=score_thr)))
        if keep is not None and len(rows) % keep_every == 0:
            index, rows = index.extended(rows, stamps), []
            keep(index)
    return index.extended(rows, stamps).select(frames)


class LoadedFrames:
    """(frame, BGR image) pairs, with a length for the progress bar."""

    def __init__(self, frames: list[Frame]):
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self):
        return iterate_frames(self.frames)


def stamp(frame: Frame) -> str:
    """Size and time of change of a frame's file, as a text."""
    state = os.stat(frame.path)
    return f'{state.st_size}-{state.st_mtime_ns}'


def model_mark(model: nn.Module, score_thr: float) -> str:
    """A digest of a model's weights, its test settings and the threshold.

    Embeddings of different digests must not be compared. Where the datasets
    of its configuration lie and how they are loaded makes no difference.

    Args:
        model: From ``init_model``.
        score_thr: Least score of the detections that are kept.
    """
    digest = hashlib.sha1()
    if isinstance(model, OnnxModel):
        digest.update(f'{model.mark} {score_thr}'.encode())
        return digest.hexdigest()
    import torch
    from mmdet.utils import get_test_pipeline_cfg

    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        raw = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
        digest.update(raw.numpy())
    pipeline = get_test_pipeline_cfg(model.cfg)
    settings = [pipeline, model.cfg.model, score_thr]
    digest.update(repr(settings).encode())
    return digest.hexdigest()
