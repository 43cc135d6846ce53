"""The size of an image is the one it is decoded to."""

import numpy as np
import pytest
from PIL import Image

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.images import image_size, read_image, write_image

SUFFIXES = ('jpg', 'png', 'webp', 'tiff', 'bmp')


def turned_image(path, orientation):
    """An image with a mark in one corner, and an EXIF orientation."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:5, :5] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize('suffix', SUFFIXES)
@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_the_size_is_that_of_the_decoded_picture(
    tmp_path, suffix, orientation
):
    path = turned_image(tmp_path / f'turned.{suffix}', orientation)
    height, width = read_image(path).shape[:2]
    assert image_size(path) == (width, height)
    assert image_size(path, decode=True) == (width, height)


def test_an_orientation_behind_the_pixels_counts(tmp_path):
    path = turned_image(tmp_path / 'turned.png', 6)
    data = path.read_bytes()
    start = data.index(b'eXIf') - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], 'big')
    last = data.rindex(b'IEND') - 4
    path.write_bytes(
        data[:start] + data[end:last] + data[start:end] + data[last:]
    )
    height, width = read_image(path).shape[:2]
    assert (width, height) == (20, 30) == image_size(path)


def test_a_picture_too_large_for_pillow_has_a_size(tmp_path):
    # Of 200 million pixels; Pillow warns at 90 and refuses at 179 million.
    Image.new('L', (20_000, 10_000)).save(tmp_path / 'large.png')
    assert image_size(tmp_path / 'large.png') == (20_000, 10_000)
    assert Image.MAX_IMAGE_PIXELS < 100_000_000  # still guarded elsewhere


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
def test_a_picture_too_large_to_decode_is_an_error(tmp_path, suffix):
    path = tmp_path / f'large.{suffix}'
    Image.new('L', (8, 8)).save(path)
    data = bytearray(path.read_bytes())
    if suffix == 'png':
        import zlib

        data[16:24] = (60000).to_bytes(4, 'big') * 2
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    else:
        size = data.index(b'\xff\xc0') + 5
        data[size : size + 4] = (60000).to_bytes(2, 'big') * 2
    path.write_bytes(data)
    with pytest.raises(UserError, match='60000 x 60000 pixels'):
        image_size(path)
    with pytest.raises(UserError, match='not an image OpenCV can read'):
        read_image(path)


@pytest.mark.parametrize('content', [b'', b'hello', b'\xff\xd8\xff\xe0'])
def test_what_is_no_image_is_an_error(tmp_path, content):
    (tmp_path / 'a.jpg').write_bytes(content)
    with pytest.raises(UserError, match='is not an image|image is damaged'):
        image_size(tmp_path / 'a.jpg')


def test_a_broken_exif_block_is_no_broken_picture(tmp_path):
    path = turned_image(tmp_path / 'a.jpg', 6)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'Exif\0\0MM', b'Exif\0\0XX', 1))
    height, width = read_image(path).shape[:2]
    assert image_size(path) == (width, height)


def test_a_picture_that_is_too_wide_is_said_and_leaves_no_file(tmp_path):
    path = tmp_path / 'wide.jpg'
    with pytest.raises(UserError, match='wide.jpg: .jpg cannot hold'):
        write_image(path, np.zeros((2, 70_000, 3), np.uint8))
    assert not path.exists()
