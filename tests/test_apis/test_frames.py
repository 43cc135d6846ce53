from pathlib import Path

import pytest

from mmdet_ps.apis import Frame, frames, list_frames, load_frame
from mmdet_ps.apis.frames import iterate_frames

from ..videos import cut_out, write_clip
from .test_footage import save


@pytest.fixture
def video(tmp_path):
    """Twelve frames; frame i is grey of brightness 20 i."""
    return write_clip(tmp_path / 'walk.avi', range(0, 240, 20), rate=4)


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


def test_a_video_is_opened_once_however_its_path_is_written(
    video, monkeypatch
):
    opened = []

    class Counted(frames.VideoReader):
        def __init__(self, path):
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr(frames, 'VideoReader', Counted)
    monkeypatch.chdir(video.parent)
    listed = [Frame(f'./{video.name}', i, i / 4) for i in range(12)]
    assert len(list(iterate_frames(listed))) == 12 and len(opened) == 1


def test_frames_far_apart_are_the_right_ones(tmp_path):
    path = write_clip(tmp_path / 'a.avi', [k % 250 for k in range(900)])
    frames = list_frames(path)
    chosen = [frames[i] for i in (2, 870, 871, 5, 440, 899)]
    levels = [image.mean() for _, image in iterate_frames(chosen)]
    assert levels == pytest.approx([2, 120, 121, 5, 190, 149], abs=2)


def test_a_video_that_became_shorter_is_said(video):
    with pytest.raises(ValueError, match='frame 40 cannot be decoded'):
        load_frame(Frame(str(video), 40))


def test_videos_in_a_folder_are_listed_with_the_pictures(tmp_path, video):
    save(tmp_path / 'x.png')
    frames = list_frames(tmp_path, every=5)
    assert [frame.name for frame in frames] == [
        'x', 'walk #0', 'walk #5', 'walk #10',
    ]  # fmt: skip


def test_a_damaged_frame_ends_neither_the_list_nor_the_reading(video):
    cut_out(video, 5)
    skipped = []
    frames = list_frames(video, skipped=skipped)
    assert [f.index for f in frames] == [i for i in range(12) if i != 5]
    assert [(s.path, s.reason) for s in skipped] == [
        (f'{video} #5', 'frame cannot be decoded')
    ]
    lost = Frame(str(video), 5, 1.25)
    levels = [i.mean() for _, i in iterate_frames([lost, frames[8]], skipped)]
    assert levels == pytest.approx([180], abs=3)
    assert len(skipped) == 2


def test_a_video_that_is_cut_says_so(video):
    video.write_bytes(video.read_bytes()[:6000])
    skipped = []
    frames = list_frames(video, skipped=skipped)
    assert 0 < len(frames) < 11
    assert skipped[-1].reason == f'ends after {len(frames)} of 12 frames'


def test_damaged_pictures_are_left_out_where_that_is_asked_for(tmp_path):
    save(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_bytes(b'')
    (tmp_path / 'c.png').write_bytes(b'<html>')
    frames = list_frames(tmp_path)
    skipped = []
    assert len(list(iterate_frames(frames, skipped))) == 1
    assert [Path(s.path).name for s in skipped] == ['b.png', 'c.png']
    with pytest.raises(ValueError, match='b.png'):
        list(iterate_frames(frames))
