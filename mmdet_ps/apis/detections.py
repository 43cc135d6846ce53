"""What a model finds in an image."""

from typing import NamedTuple

import numpy as np


class Detections(NamedTuple):
    """Persons of one image, best score first.

    Fields answer as attributes and by unpacking:

    * ``bboxes`` (N, 4) float32, xyxy in pixels of the image.
    * ``scores`` (N,) float32.
    * ``embeddings`` (N, D) float32, unit length.
    """

    bboxes: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray
