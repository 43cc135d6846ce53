"""An image together with the persons in it, for people to look at."""

from dataclasses import dataclass

import numpy as np


@dataclass
class AnnotatedImage:
    """One image with its annotations.

    Args:
        image (ndarray): the picture, (H, W, 3) uint8, RGB.
        bboxes (ndarray): boxes of the persons, (N, 4) float xyxy, pixels.
        person_ids (ndarray): their identities, (N,) int; -1 where unknown.
        ignored (ndarray): which boxes take no part in training and scoring,
            (N,) bool.
        caption (str): a line to write below the picture.
    """

    image: np.ndarray
    bboxes: np.ndarray
    person_ids: np.ndarray
    ignored: np.ndarray
    caption: str = ''
