"""Small videos for tests, intact, uneven and damaged."""

import re

import cv2
import numpy as np


def write_frames(path, images, rate=10.0):
    """A video of Motion JPEG, so that every frame stands for itself.

    Args:
        images: BGR uint8 arrays of one shape.
        rate: Frames in a second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for image in images:
        if writer is None:
            code = cv2.VideoWriter_fourcc(*'MJPG')
            size = (image.shape[1], image.shape[0])
            writer = cv2.VideoWriter(str(path), code, rate, size)
        writer.write(image)
    writer.release()
    return path


def grey(level, size=(64, 48)):
    """A BGR image of one brightness; size is width and height."""
    return np.full((size[1], size[0], 3), level, np.uint8)


def write_clip(path, levels, rate=10.0):
    """A video of grey frames."""
    return write_frames(path, [grey(level) for level in levels], rate)


def write_uneven_clip(path, levels, milliseconds):
    """A GIF, whose frames are shown for different times."""
    animation = cv2.Animation()
    animation.frames = [grey(level) for level in levels]
    animation.durations = np.array(milliseconds)
    assert cv2.imwriteanimation(str(path), animation)
    return path


def cut_out(path, number):
    """Zero the data of one frame of a Motion JPEG video."""
    content = bytearray(path.read_bytes())
    # The header lists the stream's mark too.
    frames = re.finditer(b'00dc', content[content.index(b'movi') :])
    starts = [match.end() + 4 for match in frames]
    start = starts[number] + content.index(b'movi')
    length = int.from_bytes(content[start - 4 : start], 'little')
    content[start : start + length] = bytes(length)
    path.write_bytes(content)
