"""What one camera does to a scene: where it stands and how it sees colour."""

from dataclasses import dataclass

import cv2
import numpy as np

NOISE_TILE = 96  # pixels; drawing every pixel's noise takes too long
LOWEST_FOOT = 1.04  # of a person of mean height; the nearest lose a shoe


@dataclass(frozen=True)
class Camera:
    """Where a camera stands, and how it changes what it sees.

    Heights and places are shares of the image height.
    """

    horizon: float = 0.3
    elevation: float = 1.1  # height of the camera in standing persons
    near: float = 0.72  # height of the closest person
    far: float = 0.32  # height of the most distant one
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)  # BGR colour cast
    brightness: float = 1.0
    gamma: float = 1.0
    saturation: float = 1.0
    light: float = 0.15  # how much darker one side of a person is, signed
    noise: float = 4.0
    blur: float = 0.0  # standard deviation, pixels at an image height of 160

    def foot(self, person_height: float) -> float:
        """Where the feet of a person are, below the upper edge.

        Args:
            person_height: Height of the person in the image.

        Both are shares of the image height.
        """
        return self.horizon + self.elevation * person_height


def sample_camera(rng: np.random.Generator, cast: float, **fixed) -> Camera:
    """Draw a camera at random.

    Args:
        rng: Draws it.
        cast: How far its colours may be off, as a share; 0 is not at all.
        fixed: Fields of ``Camera`` that are not drawn.
    """
    tint = rng.uniform(-1, 1, 3) * cast
    brightness = 1 + rng.uniform(-1.3, 1) * cast
    values = {
        'horizon': float(rng.uniform(0.16, 0.36)),
        'elevation': float(rng.uniform(0.8, 1.1)),
        'gains': tuple((1 + tint - tint.mean()).tolist()),
        'brightness': float(brightness),
        'gamma': float(np.exp(rng.uniform(-1, 1) * cast)),
        'saturation': float(1 + rng.uniform(-1.6, 0.8) * cast),
        'light': float(rng.choice([-1, 1]) * rng.uniform(0.1, 0.28)),
        'noise': float(rng.uniform(2, 7)),
        'blur': float(rng.uniform(0, 0.5)),
    }
    values.update(fixed)
    near = values.get('near', Camera.near)
    lowest = (LOWEST_FOOT - values['horizon']) / values['elevation']
    return Camera(**{**values, 'near': float(min(near, lowest))})


def _colour_matrix(camera: Camera) -> np.ndarray:
    """(3, 3) for cv2.transform: saturation, cast and brightness in one."""
    grey = np.full((3, 3), 1 / 3)
    saturate = grey + (np.eye(3) - grey) * camera.saturation
    return np.diag(camera.gains) @ saturate * camera.brightness


def expose(
    image: np.ndarray, camera: Camera, rng: np.random.Generator
) -> np.ndarray:
    """The picture as a camera records it.

    Args:
        image: (H, W, 3) uint8, BGR.
        camera: The camera.
        rng: Draws the noise.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    image = cv2.transform(image, _colour_matrix(camera))
    if abs(camera.gamma - 1) > 0.02:
        levels = 255 * (np.arange(256) / 255) ** camera.gamma
        image = cv2.LUT(image, np.rint(levels).astype(np.uint8))
    height, width = image.shape[:2]
    sigma = camera.blur * height / 160
    if sigma > 0.15:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    rows, columns = min(height, NOISE_TILE), min(width, NOISE_TILE + 1)
    tile = rng.normal(0, camera.noise, (rows, columns, 3)).astype(np.float32)
    repeats = (-(-height // rows), -(-width // columns), 1)
    noise = np.tile(tile, repeats)[:height, :width]
    return cv2.add(image, noise, dtype=cv2.CV_8U)
