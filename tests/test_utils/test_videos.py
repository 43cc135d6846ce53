import cv2
import numpy as np
import pytest

from mmdet_ps.utils.videos import VideoReader

from ..videos import cut_out, write_clip, write_uneven_clip


def scan(path):
    """(number, seconds, brightness / 10) of all frames, and the reader."""
    found = []
    with VideoReader(path) as video:
        while video.advance():
            image = video.picture()
            if image is not None:
                level = round(float(image.mean()) / 10)
                found.append((video.index, video.seconds, level))
    return found, video


def test_every_frame_with_its_number_and_time(tmp_path):
    path = write_clip(tmp_path / 'a.avi', range(0, 120, 10), rate=4)
    found, video = scan(path)
    assert found == [(i, i / 4, i) for i in range(12)]
    assert (video.rate, video.promised, video.size) == (4, 12, (64, 48))
    assert video.damaged == []


def test_times_come_from_the_containers_clock(tmp_path):
    shown = [100, 100, 500, 100, 1000, 100]  # milliseconds of each frame
    path = write_uneven_clip(tmp_path / 'a.gif', range(0, 60, 10), shown)
    found, _ = scan(path)
    assert [seconds for _, seconds, _ in found] == [
        0, 0.1, 0.2, 0.7, 0.8, 1.8,
    ]  # fmt: skip


def test_damaged_frames_are_left_out_and_keep_their_number(tmp_path):
    path = write_clip(tmp_path / 'a.avi', range(0, 240, 10), rate=4)
    cut_out(path, 7)
    cut_out(path, 8)
    found, video = scan(path)
    assert found == [(i, i / 4, i) for i in range(24) if i not in (7, 8)]
    assert video.damaged == [7, 8]


def test_a_file_that_is_no_video_is_named(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='a.mp4 is neither'):
        VideoReader(tmp_path / 'a.mp4')
    with pytest.raises(FileNotFoundError, match='b.mp4'):
        VideoReader(tmp_path / 'b.mp4')


def test_the_helpers_write_what_they_say(tmp_path):
    path = write_clip(tmp_path / 'a.avi', [0, 200], rate=4)
    video = cv2.VideoCapture(str(path))
    levels = [float(np.mean(video.read()[1])) for _ in range(2)]
    assert levels == pytest.approx([0, 200], abs=2)
