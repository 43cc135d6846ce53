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


class Clocked:
    """A video whose container has another clock."""

    def __init__(self, video, milliseconds):
        self._video, self._clock = video, iter(milliseconds)

    def __getattr__(self, name):
        return getattr(self._video, name)

    def get(self, name):
        return next(self._clock)


@pytest.mark.parametrize(
    ('clock', 'expected'),
    [
        ([0] * 4, [0, 0.25, 0.5, 0.75]),
        ([float('nan')] * 4, [0, 0.25, 0.5, 0.75]),
        # The header tells of four frames a second: ten were recorded, twice.
        (
            [0, 100, 1900, 2000, 0, 100, 200],
            [0, 0.1, 1.9, 2.0, 2.0, 2.25, 2.35],
        ),
        ([0, 5000, 40, 80, 120], [0, 5.0, 5.25, 5.29, 5.33]),
        # Frames out of order, and some without a time.
        ([0, 80, 40, 120, float('nan')], [0, 0.08, 0.08, 0.12, 0.12]),
        ([0, 5000, 0, 5040], [0, 5.0, 5.0, 5.04]),
    ],
)
def test_time_never_goes_back(tmp_path, clock, expected):
    path = write_clip(tmp_path / 'a.avi', range(0, 120, 10), rate=4)
    with VideoReader(path) as video:
        video._video = Clocked(video._video, clock)
        found = [video.seconds for _ in clock if video.advance()]
    assert found == pytest.approx(expected)


def test_a_time_in_the_second_of_two_joined_recordings_is_found(tmp_path):
    levels = [i // 4 for i in range(320)]
    path = write_clip(tmp_path / 'a.avi', levels, rate=4)
    with VideoReader(path) as video:
        # Both take 40 seconds. The first two times are those of the frames
        # that seeking for the 60th second lands on.
        clock = [39_500, 39_750, *[250 * i for i in range(160)] * 2]
        video._video = Clocked(video._video, clock)
        video._video.set = lambda *_: video._video._video.set(
            cv2.CAP_PROP_POS_FRAMES, 318
        )
        assert video.go_to_time(60.0)
        assert video.seconds == pytest.approx(60, abs=0.3)
        assert video.picture().mean() == pytest.approx(60, abs=2)


def test_damaged_frames_are_left_out_and_keep_their_number(tmp_path):
    path = write_clip(tmp_path / 'a.avi', range(0, 240, 10), rate=4)
    cut_out(path, 7)
    cut_out(path, 8)
    found, video = scan(path)
    assert found == [(i, i / 4, i) for i in range(24) if i not in (7, 8)]
    assert video.damaged == [7, 8]


@pytest.mark.parametrize(
    ('name', 'code'), [('a.avi', 'MJPG'), ('a.mp4', 'mp4v'), ('a.mkv', 'mp4v')]
)
def test_seeking_finds_the_frame_that_decoding_finds(tmp_path, name, code):
    size, rate = (64, 48), 29.97
    path = str(tmp_path / name)
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*code), rate, size)
    for i in range(1500):
        image = np.zeros((48, 64, 3), np.uint8)
        for bit in range(11):  # the number as bright columns
            image[:, 5 * bit : 5 * bit + 5] = 255 * (i >> bit & 1)
        writer.write(image)
    writer.release()
    wanted = {3: None, 700: None, 1499: None, 1201: None}
    with VideoReader(path) as video:
        while video.advance():
            if video.index in wanted:
                wanted[video.index] = video.seconds, video.picture()
        for index, (seconds, image) in wanted.items():
            assert video.seek(index, seconds)
            assert (video.index, video.seconds) == (index, seconds)
            assert np.array_equal(video.picture(), image)
        assert not video.seek(9, 1e4)


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
