"""Reading, writing and measuring image files, with errors that name them."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .errors import UserError
from .files import write_bytes

# The one list of what counts as a picture wherever a folder is listed.
IMAGE_SUFFIXES = (
    '.bmp',
    '.jpeg',
    '.jpg',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)
# What OpenCV decodes, as Pillow names it.
DECODED = (
    'AVIF', 'BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF',
    'WEBP',
)  # fmt: skip
# EXIF orientations that swap width and height when an image is decoded.
TURNED = (5, 6, 7, 8)
ORIENTATION = 0x0112
TIFF_HEADS = (b'II*\0', b'MM\0*')
# OpenCV decodes no image with more pixels than this.
MAX_PIXELS = int(os.environ.get('OPENCV_IO_MAX_IMAGE_PIXELS', 1 << 30))
REMEDY = 'put the image in its place or fetch it again'


def read_image(path: str | PathLike) -> np.ndarray:
    """Read an image file as a BGR uint8 array (H, W, 3), upright.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: OpenCV cannot decode it.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} is not there: check the path')
    data = np.fromfile(path, dtype=np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # a header that announces too large an image
        image = None
    if image is None:
        raise UserError(
            f'{path} is not an image OpenCV can read: convert it to JPEG or '
            f'PNG, or fetch it again ({path.stat().st_size} bytes now)'
        )
    return image


def image_size(path: str | Path, decode: bool = False) -> tuple[int, int]:
    """Find the size an image will have once OpenCV has decoded it.

    Only the header is read, if possible. OpenCV turns a picture upright by
    its EXIF orientation in some forms of files and not in others; the size
    is that of the picture it gives.

    Args:
        path (str or Path): The image.
        decode (bool): Read every pixel as well, to find damage.

    Returns:
        tuple[int, int]: Width and height in pixels.

    Raises:
        UserError: The image is missing, damaged or too large to decode.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise UserError(f'{path}: image missing; {REMEDY}')
    try:
        with _any_size(), Image.open(path, formats=DECODED) as image:
            width, height = image.size
            turning = _turning(image)
            if width * height > MAX_PIXELS:
                raise UserError(
                    f'{path}: the image has {width} x {height} pixels, '
                    f'OpenCV decodes {MAX_PIXELS} at most; make it smaller, '
                    'or set OPENCV_IO_MAX_IMAGE_PIXELS'
                )
            if decode:
                image.load()
    except UserError:
        raise
    except Image.UnidentifiedImageError:
        raise UserError(f'{path}: is not an image; {REMEDY}') from None
    except Exception as error:  # Pillow raises some ten types here
        reason = str(error).splitlines()[0] if str(error) else 'no reason'
        raise UserError(
            f'{path}: image is damaged ({reason:.80}); {REMEDY}'
        ) from None
    if turning is None:
        height, width = read_image(path).shape[:2]
    return (height, width) if turning else (width, height)


def _turning(image: Image.Image) -> bool | None:
    """Whether OpenCV swaps width and height; None where only it knows."""
    if image.format in ('JPEG', 'MPO'):
        block = image.info.get('exif', b'')
        if block and block.removeprefix(b'Exif\0\0')[:4] not in TIFF_HEADS:
            return None  # broken for Pillow, OpenCV reads it all the same
        return image.getexif().get(ORIENTATION) in TURNED
    return None if _has_exif(image.filename) else False


def _has_exif(path: str) -> bool:
    """Whether a PNG or WebP file has EXIF data, wherever they stand.

    Other forms have none, or Pillow gives the size of the upright picture.
    """
    with open(path, 'rb') as file:
        head = file.read(16)
        if head[:8] == b'\x89PNG\r\n\x1a\n':
            file.seek(8)
            return _has_chunk(file, b'eXIf', 'big', 4)
        if head[8:12] == b'WEBP':
            file.seek(12)
            return _has_chunk(file, b'EXIF', 'little', 0)
    return False


def _has_chunk(file, name: bytes, order: str, checksum: int) -> bool:
    """Walk the chunks of a PNG or WebP file without reading them."""
    while len(tag := file.read(8)) == 8:
        size, kind = (tag[:4], tag[4:])
        if order == 'little':
            size, kind = kind, size
        if kind == name:
            return True
        size = int.from_bytes(size, order)
        # WebP fills chunks up to an even number of bytes.
        file.seek(size + checksum + (size & 1 if checksum == 0 else 0), 1)
    return False


_bomb_guard = threading.Lock()


@contextmanager
def _any_size() -> Iterator[None]:
    """Let Pillow read headers of images larger than it takes for harmless.

    Nothing is decoded by its word; OpenCV has a limit of its own.
    """
    with _bomb_guard, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # e.g. a broken EXIF block
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an RGB uint8 array (H, W, 3), in the form of the suffix.

    No half file is left.

    Raises:
        UserError: It is larger than the form allows.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
    suffix = Path(path).suffix
    try:
        done, data = cv2.imencode(suffix, image[..., ::-1], quality)
    except cv2.error:  # some versions raise it, others return False
        done = False
    if not done:
        height, width = image.shape[:2]
        raise UserError(
            f'{path}: {suffix} cannot hold a picture {width} pixels wide and '
            f'{height} high: ask for less in one picture'
        )
    write_bytes(path, data.tobytes())
