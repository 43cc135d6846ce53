from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdet_ps.apis import Frame, list_frames, load_frame
from mmdet_ps.apis.footage import due, iterate_frames

from ..videos import cut_out, write_clip


@pytest.fixture
def video(tmp_path):
    """Twelve frames; frame i is grey of brightness 20 i."""
    return write_clip(tmp_path / 'walk.avi', range(0, 240, 20), rate=4)


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


def test_frames_far_apart_are_the_right_ones(tmp_path):
    path = write_clip(tmp_path / 'a.avi', [k % 250 for k in range(900)])
    frames = list_frames(path)
    chosen = [frames[i] for i in (2, 870, 871, 5, 440, 899)]
    levels = [image.mean() for _, image in iterate_frames(chosen)]
    assert levels == pytest.approx([2, 120, 121, 5, 190, 149], abs=2)


def test_a_video_that_became_shorter_is_said(video):
    with pytest.raises(ValueError, match='frame 40 cannot be decoded'):
        load_frame(Frame(str(video), 40))


def save(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((4, 4, 3), np.uint8) if image is None else image
    cv2.imencode('.png', image)[1].tofile(path)


def test_what_was_not_looked_at_is_listed_with_its_reason(tmp_path):
    root = tmp_path / 'root'
    for name in ('a.png', '.b.png', '._c.jpg', '.cache/d.png', 'e.jpeg'):
        save(root / name)
    (root / 'f.HEIC').write_bytes(b'x')
    (root / 'notes').write_bytes(b'x')
    (root / 'g.mp4').write_bytes(b'no video')
    (root / 'h.png').symlink_to(tmp_path / 'nothing.png')
    skipped = []
    frames = list_frames(root, skipped=skipped)
    assert [frame.name for frame in frames] == ['a', 'e']
    reasons = {Path(s.path).name: s.reason for s in skipped}
    assert reasons.pop('g.mp4').startswith('neither an image nor a video')
    assert reasons == {
        '.b.png': 'hidden',
        '._c.jpg': 'hidden',
        '.cache': 'hidden',
        'f.HEIC': '.heic is not read',
        'notes': 'a file without suffix is not read',
        'h.png': 'link to nothing',
    }


def test_links_to_folders_are_followed_once(tmp_path):
    save(tmp_path / 'far/a.png')
    (tmp_path / 'root').mkdir()
    (tmp_path / 'root/near').symlink_to(tmp_path / 'far')
    (tmp_path / 'far/back').symlink_to(tmp_path / 'root')
    frames = list_frames(tmp_path / 'root')
    assert [Path(frame.path).name for frame in frames] == ['a.png']


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
        ('walk #5', 'frame cannot be decoded')
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


def test_frames_are_due_by_number_or_by_the_clock():
    times = [0, 0.1, 0.2, 0.7, 0.8, 1.8, 1.9, 2.4]

    def chosen(is_due):
        return [i for i, t in enumerate(times) if is_due(i, t)]

    assert chosen(due(every=3)) == [0, 3, 6]
    assert chosen(due(step=0.4)) == [0, 3, 4, 5, 7]
    assert chosen(due(step=0)) == list(range(8))


def test_at_usual_rates_the_clock_takes_every_nth_frame():
    for rate, every in ((25, 10), (30, 12), (10, 4), (29.97, 12)):
        is_due = due(step=0.4)
        chosen = [i for i in range(200) if is_due(i, round(i / rate, 3))]
        steps = {b - a for a, b in zip(chosen, chosen[1:])}
        assert every in steps and steps <= {every, every - 1}


def test_why_nothing_is_left_to_search_is_said(tmp_path, monkeypatch):
    (tmp_path / 'a.heic').touch()
    with pytest.raises(ValueError, match=r'left out: \.heic is not read'):
        list_frames(tmp_path)
    save(tmp_path / 'b.png')
    monkeypatch.setattr('os.access', lambda *_: False)
    with pytest.raises(ValueError, match='left out: no permission to read'):
        list_frames(tmp_path / 'b.png')


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
