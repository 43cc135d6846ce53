"""Reading and writing image files, with errors that name the file."""

from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.errors import UserError

from .files import write_bytes


def read_image(path: str | Path) -> np.ndarray:
    """An image file as a BGR uint8 array (H, W, 3), upright."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} is not there: check the path')
    data = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise UserError(
            f'{path} is not an image OpenCV can read: convert it to JPEG or '
            f'PNG, or fetch it again ({path.stat().st_size} bytes now)'
        )
    return image


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an RGB uint8 array (H, W, 3), in the form of the suffix.

    No half file is left.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
    data = cv2.imencode(Path(path).suffix, image[..., ::-1], quality)[1]
    write_bytes(path, data.tobytes())
