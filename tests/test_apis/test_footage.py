import cv2
import numpy as np
import pytest

from mmdet_ps.apis import Frame, list_frames, load_frame
from mmdet_ps.apis.footage import iterate_frames


@pytest.fixture
def video(tmp_path):
    """Twelve frames; frame i is grey of brightness 20 i."""
    path = tmp_path / 'walk.avi'
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 4, (64, 48)
    )
    for i in range(12):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


def test_a_folder_is_searched_deeply_and_in_order(tmp_path):
    (tmp_path / 'cam2').mkdir()
    for name in ('b.png', 'a.JPG', 'cam2/c.png', 'notes.txt'):
        cv2.imencode('.png', np.zeros((4, 4, 3), np.uint8))[1].tofile(
            tmp_path / name
        )
    frames = list_frames(tmp_path)
    assert [frame.name for frame in frames] == ['a', 'b', 'c']
    assert load_frame(frames[0]).shape == (4, 4, 3)


def test_every_third_frame_of_a_video_with_its_time(video):
    frames = list_frames(video, every=3)
    assert [frame.index for frame in frames] == [0, 3, 6, 9]
    assert [frame.seconds for frame in frames] == [0, 0.75, 1.5, 2.25]
    brightness = [image.mean() for _, image in iterate_frames(frames)]
    assert brightness == pytest.approx([0, 60, 120, 180], abs=3)


def test_a_single_frame_can_be_loaded_again_in_any_order(video):
    frames = list_frames(video)
    for i in (7, 2, 11):
        assert load_frame(frames[i]).mean() == pytest.approx(20 * i, abs=3)
    assert frames[7].name == 'walk #7'


def test_a_video_that_became_shorter_is_said(video):
    with pytest.raises(ValueError, match='frame 40 cannot be decoded'):
        load_frame(Frame(str(video), 40))


def test_bad_sources_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        list_frames(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='holds no image'):
        list_frames(tmp_path)
    (tmp_path / 'film.mp4').write_bytes(b'no video')
    with pytest.raises(ValueError, match='neither an image nor a video'):
        list_frames(tmp_path / 'film.mp4')
    with pytest.raises(ValueError, match='every=0'):
        list_frames(tmp_path, every=0)
