"""The detections of all test images, in a few long arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdet_ps.utils.errors import UserError


@dataclass
class PersonBoxes:
    """The boxes of I images, one image after the other, with embeddings.

    Args:
        bboxes (ndarray): the boxes, (G, 4) float32 xyxy, pixels of the
            original image.
        offsets (ndarray): where the boxes of each image begin, (I + 1,)
            int64: those of image i are ``offsets[i]`` to
            ``offsets[i + 1]``.
        embeddings (dict): name of a feature set (``default``, or ``dense``
            and ``roi``) -> embeddings, (G, D) float32, of any length.
        scores (ndarray): detection scores, (G,) float32; ones by default, as
            for annotated boxes.
        person_ids (ndarray): identities of annotated boxes, (G,) int64; None
            for detections.

    Raises:
        UserError: The arrays do not have the same number of boxes.
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
        """The image of each box, (G,) int64."""
        return np.repeat(np.arange(self.num_images), np.diff(self.offsets))

    def of_image(self, image: int) -> slice:
        """The numbers of the boxes of one image."""
        return slice(self.offsets[image], self.offsets[image + 1])

    def keep(self, mask: np.ndarray) -> PersonBoxes:
        """The boxes that a mask (G,) keeps, of the same images.

        Nothing is copied where the mask keeps every box.
        """
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
        """Join one dict of arrays per image.

        Which fields there are is read off the first image.

        Args:
            images (Sequence[dict]): dicts with ``bboxes``, (n, 4) float xyxy,
                and, where they are known, ``scores``, (n,) float,
                ``person_ids``, (n,) int, and ``embeddings`` or
                ``dense_embeddings`` and ``roi_embeddings``, (n, D) float.
            prefix (str): stands before each of these names; ``gt_`` for
                annotated boxes.
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
    """All that scoring needs to know of a model and the test images.

    Args:
        detections (PersonBoxes): what the model detected in every image.
        given (PersonBoxes): the annotated boxes of every image, with
            embeddings where the model computed them; None if unknown.
        scenes (ndarray): what ``scene_scores`` takes of every image, (I, 2,
            D) float32; None where the model does not filter the gallery.
    """

    detections: PersonBoxes
    given: PersonBoxes | None = None
    scenes: np.ndarray | None = None

    @property
    def has_given_boxes(self) -> bool:
        """Whether the annotated boxes are there with embeddings."""
        return self.given is not None and bool(self.given.embeddings)

    @property
    def branches(self) -> dict[str, tuple[str, ...]]:
        """Name of each feature set that is scored -> the parts it joins.

        A model with two feature sets is scored with each of them and with
        both joined (``concat``).
        """
        parts = tuple(self.detections.embeddings)
        single: dict[str, tuple[str, ...]] = {part: (part,) for part in parts}
        return single if len(parts) < 2 else {**single, 'concat': parts}
