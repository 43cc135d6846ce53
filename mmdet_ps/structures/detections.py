"""Detections of all test images in flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdet_ps.utils.errors import UserError


@dataclass
class PersonBoxes:
    """Boxes of I images, one image after the other, with embeddings.

    Args:
        bboxes: (G, 4) float32 xyxy in pixels of the original image.
        offsets: (I + 1,) boxes ``offsets[i]`` to ``offsets[i + 1]`` lie in
            image i.
        embeddings: Name of the branch -> (G, D) float32, of any length.
        scores: (G,) float32, ones for given boxes.
        person_ids: (G,) int64 for given boxes, else None.
    """

    bboxes: np.ndarray
    offsets: np.ndarray
    embeddings: dict[str, np.ndarray]
    scores: np.ndarray = None
    person_ids: np.ndarray = None

    def __post_init__(self) -> None:
        if self.scores is None:
            self.scores = np.ones(len(self.bboxes), np.float32)
        count = len(self.bboxes)
        lengths = {'offsets': self.offsets[-1], 'scores': len(self.scores)}
        lengths.update(
            {
                f'embeddings {key!r}': len(value)
                for key, value in self.embeddings.items()
            }
        )
        for key, got in lengths.items():
            if got != count:
                raise UserError(f'{count} boxes but {key}: {got}')

    def __len__(self) -> int:
        return len(self.bboxes)

    @property
    def num_images(self) -> int:
        return len(self.offsets) - 1

    @property
    def image_of(self) -> np.ndarray:
        """(G,) int64, the image of each box."""
        return np.repeat(np.arange(self.num_images), np.diff(self.offsets))

    def of_image(self, image: int) -> slice:
        """The boxes of an image."""
        return slice(self.offsets[image], self.offsets[image + 1])

    def keep(self, mask: np.ndarray) -> PersonBoxes:
        """The boxes where ``mask`` (G,) holds; itself where it always does."""
        if mask.all():
            return self
        ends = np.concatenate([[0], np.cumsum(mask)])
        return PersonBoxes(
            self.bboxes[mask],
            ends[self.offsets],
            {key: value[mask] for key, value in self.embeddings.items()},
            self.scores[mask],
            None if self.person_ids is None else self.person_ids[mask],
        )

    @classmethod
    def join(cls, images: Sequence[dict], prefix: str = '') -> PersonBoxes:
        """From one dict of arrays per image.

        Args:
            images: Dicts with ``<prefix>bboxes`` (n, 4) and, where they are
                known, ``<prefix>scores`` (n,), ``<prefix>person_ids`` (n,),
                ``<prefix>embeddings`` or ``<prefix>dense_embeddings`` and
                ``<prefix>roi_embeddings`` (n, D).
        """
        counts = [len(image[f'{prefix}bboxes']) for image in images]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        first = images[0] if images else {}
        branches = [
            name
            for name in ('dense', 'roi')
            if f'{prefix}{name}_embeddings' in first
        ]
        keys = {name: f'{prefix}{name}_embeddings' for name in branches}
        if not branches and f'{prefix}embeddings' in first:
            keys = {'default': f'{prefix}embeddings'}

        def column(key, dtype, shape):
            rows = [
                np.asarray(image[key], dtype).reshape(shape)
                for image in images
                if len(image[key])
            ]
            if rows:
                return np.concatenate(rows)
            return np.zeros([max(size, 0) for size in shape], dtype)

        def rows(key):
            shapes = [np.shape(image[key]) for image in images]
            shapes = [shape for shape in shapes if len(shape) == 2]
            # Images without boxes count only where there are no others.
            filled = [shape for shape in shapes if shape[0]] or shapes
            width = max((shape[1] for shape in filled), default=0)
            return column(key, np.float32, (-1, width))

        return cls(
            column(f'{prefix}bboxes', np.float32, (-1, 4)),
            offsets,
            {name: rows(key) for name, key in keys.items()},
            column(f'{prefix}scores', np.float32, (-1,))
            if f'{prefix}scores' in first
            else None,
            column(f'{prefix}person_ids', np.int64, (-1,))
            if f'{prefix}person_ids' in first
            else None,
        )


@dataclass
class SearchResults:
    """What a model gives for the test images: all that scoring needs.

    Args:
        detections: The detections of all images.
        given: The annotated boxes of all images with their embeddings, where
            the model computed them.
    """

    detections: PersonBoxes
    given: PersonBoxes = None

    @property
    def has_given_boxes(self) -> bool:
        """Whether the annotated boxes are there with embeddings."""
        return self.given is not None and bool(self.given.embeddings)

    @property
    def branches(self) -> dict[str, tuple[str, ...]]:
        """Name of each feature set that is scored -> its parts."""
        parts = tuple(self.detections.embeddings)
        single = {part: (part,) for part in parts}
        return single if len(parts) < 2 else {**single, 'concat': parts}
