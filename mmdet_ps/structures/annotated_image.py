"""An image together with its persons, for looking at it."""

from dataclasses import dataclass

import numpy as np


@dataclass
class AnnotatedImage:
    """One image with its annotations.

    Args:
        image: (H, W, 3) RGB uint8.
        bboxes: (N, 4) xyxy in pixels of the image.
        person_ids: (N,) int, -1 for unknown persons.
        ignored: (N,) bool.
        caption: Line below the picture.
    """

    image: np.ndarray
    bboxes: np.ndarray
    person_ids: np.ndarray
    ignored: np.ndarray
    caption: str = ''
