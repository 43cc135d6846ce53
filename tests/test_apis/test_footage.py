from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdet_ps.apis import list_frames, load_frame
from mmdet_ps.apis.footage import find_footage


def save(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((4, 4, 3), np.uint8) if image is None else image
    cv2.imencode('.png', image)[1].tofile(path)


def test_a_folder_is_searched_deeply_and_in_order(tmp_path):
    (tmp_path / 'cam2').mkdir()
    for name in ('b.png', 'a.JPG', 'cam2/c.png', 'notes.txt'):
        cv2.imencode('.png', np.zeros((4, 4, 3), np.uint8))[1].tofile(
            tmp_path / name
        )
    frames = list_frames(tmp_path)
    assert [frame.name for frame in frames] == ['a', 'b', 'c']
    assert load_frame(frames[0]).shape == (4, 4, 3)


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


def test_what_is_named_twice_is_there_once(tmp_path):
    save(tmp_path / 'cameras/front/a.png')
    save(tmp_path / 'cameras/.b.png')
    (tmp_path / 'cameras/c.mp4').touch()
    folder = tmp_path / 'cameras'
    footage = find_footage([folder, folder / 'front', folder / 'c.mp4'])
    assert footage == find_footage([folder, folder]) == find_footage(folder)
    assert len(footage.pictures) == len(footage.skipped) == 1


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
