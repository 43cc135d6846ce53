import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmdet_ps.apis import Frame, exports
from mmdet_ps.apis.clips import write_clip as write_track_clip
from mmdet_ps.apis.exports import (
    to_fiftyone,
    to_supervision,
    write_coco,
    write_mot,
)
from mmdet_ps.apis.footage_search import FootageSearch
from mmdet_ps.apis.linking import describe_tracks, link_gallery
from mmdet_ps.apis.search_report import export_answers
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.videos import VideoReader

from ..videos import write_clip
from .test_linking import TIMES, agree, gallery_of, video, walk


@pytest.fixture
def world(tmp_path):
    """A picture and two videos of one name; (gallery, tracks)."""
    picture = tmp_path / 'p.png'
    cv2.imwrite(str(picture), np.zeros((60, 80, 3), np.uint8))
    paths = [tmp_path / 'x/cam.avi', tmp_path / 'y/cam.avi']
    for path in paths:
        write_clip(path, range(0, 200, 10), rate=10)
    frames = [
        Frame(str(picture)),
        Frame(str(paths[0]), 0, 0.0),
        Frame(str(paths[0]), 4, 0.4),
        Frame(str(paths[1]), 4, 0.4),
    ]
    boxes = [[0, 0, 10, 20], [1, 2, 11, 22], [3, 2, 13, 22], [5, 5, 8, 9]]
    gallery = gallery_of(frames, [0, 1, 2, 3], boxes, np.eye(6)[:4])
    return gallery, describe_tracks(gallery, np.array([0, 1, 1, 2]))


def test_mot_text_has_a_file_per_video(world, tmp_path):
    written = write_mot(tmp_path / 'out', *world, {0: 'a', 1: 'a', 2: 'b'})
    assert [path.name for path in written] == ['cam.txt', 'cam-2.txt']
    # frame and track from 1, left, top, width, height, score
    assert written[0].read_text() == (
        '1,2,1.00,2.00,10.00,20.00,0.9000,-1,-1,-1\n'
        '5,2,3.00,2.00,10.00,20.00,0.9000,-1,-1,-1\n'
    )
    assert written[1].read_text().startswith('5,3,5.00,5.00,3.00,4.00,')


def test_mot_texts_of_names_that_differ_in_case_do_not_meet(tmp_path):
    frames = [Frame('x/cam.avi', 0, 0.0), Frame('y/CAM.avi', 0, 0.0)]
    gallery = gallery_of(frames, [0, 1], [[0, 0, 10, 20]] * 2, np.eye(6)[:2])
    tracks = describe_tracks(gallery, np.array([0, 1]))
    written = write_mot(tmp_path, gallery, tracks, {0: 'a', 1: 'b'})
    assert [path.name for path in written] == ['cam.txt', 'CAM-2.txt']


def test_what_an_earlier_search_exported_does_not_stay(
    world, tmp_path, monkeypatch
):
    class Kept(Dataset):
        def export(self, folder, **_):
            Path(folder).mkdir(parents=True)

    stand_in = SimpleNamespace(
        Sample=Sample,
        Dataset=Kept,
        Detection=SimpleNamespace,
        Detections=SimpleNamespace,
        Frame=SimpleNamespace,
        types=SimpleNamespace(FiftyOneDataset=None),
    )
    monkeypatch.setitem(sys.modules, 'fiftyone', stand_in)
    search = FootageSearch(*world, None)
    out = tmp_path / 'export'
    for form, folder in (('fiftyone', out), ('mot', out / 'mot')):
        for chosen in ({0: 'a', 1: 'a', 2: 'b'}, {1: 'a'}):
            written = export_answers(out, form, search, chosen)
            assert sorted(folder.iterdir()) == sorted(written)
        assert len(written) == 1


def test_coco_has_images_boxes_tracks_and_names(world, tmp_path, monkeypatch):
    opened = []
    measured = exports.size_of
    monkeypatch.setattr(
        exports,
        'size_of',
        lambda frame: opened.append(frame.path) or measured(frame),
    )
    write_coco(tmp_path / 'coco.json', *world, {0: 'Ann', 1: 'Bob'})
    content = json.loads((tmp_path / 'coco.json').read_text())
    images = {image['id']: image for image in content['images']}
    rows = [
        (images[a['image_id']].get('frame_index'), a['bbox'], a['track_id'],
         a['name'])
        for a in content['annotations']
    ]  # fmt: skip
    assert rows == [
        (None, [0, 0, 10, 20], 0, 'Ann'),
        (0, [1, 2, 10, 20], 1, 'Bob'),
        (4, [3, 2, 10, 20], 1, 'Bob'),
    ]
    assert (images[1]['width'], images[1]['height']) == (80, 60)
    assert (images[2]['width'], images[2]['height']) == (64, 48)
    assert images[3]['seconds'] == 0.4
    assert len(opened) == len(set(opened)) == 2, 'a video is opened once'


def test_supervision_gets_boxes_scores_tracks_and_embeddings(world):
    pytest.importorskip('supervision')
    found = to_supervision(*world, 2)
    assert found.xyxy.tolist() == [[3, 2, 13, 22]]
    assert found.tracker_id.tolist() == [1]
    assert found.confidence == pytest.approx([0.9])
    assert found.data['embedding'].shape == (1, 6)
    assert len(to_supervision(*world, 99)) == 0


def test_packages_that_are_missing_are_named(world, monkeypatch):
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(UserError, match='pip install supervision'):
        to_supervision(*world, 0)
    with pytest.raises(UserError, match='supervision cannot be imported'):
        link_gallery(world[0], linker='bytetrack')
    with pytest.raises(UserError, match='own or bytetrack'):
        link_gallery(world[0], linker='sort')


class Sample(dict):
    """Stands in for FiftyOne's."""

    def __init__(self, filepath):
        super().__init__(filepath=filepath)
        self.frames = {}


class Dataset(list):
    def __init__(self, name, persistent):
        super().__init__()
        self.name, self.persistent = name, persistent

    add_samples = list.extend


def test_fiftyone_gets_pictures_and_videos_apart(world, monkeypatch):
    stand_in = SimpleNamespace(
        Sample=Sample,
        Dataset=Dataset,
        Detection=SimpleNamespace,
        Detections=SimpleNamespace,
        Frame=SimpleNamespace,
    )
    monkeypatch.setitem(sys.modules, 'fiftyone', stand_in)
    pictures, videos = to_fiftyone(*world, {0: 'a', 1: 'b', 2: 'c'}, 'run')
    assert (pictures.name, videos.name) == ('run-pictures', 'run-videos')
    (person,) = pictures[0]['persons'].detections
    assert person.bounding_box == [0, 0, 10 / 80, 20 / 60]
    assert person.label == 'a' and person.index == 0
    assert len(videos) == 2 and list(videos[0].frames) == [1, 5]
    (person,) = videos[0].frames[5].persons.detections
    assert person.bounding_box == pytest.approx(
        [3 / 64, 2 / 48, 10 / 64, 20 / 48]
    )


def test_bytetrack_links_as_well():
    pytest.importorskip('trackers')
    people = [walk(0, 30), walk(600, -20, y=300)]
    gallery, truth = video(people, TIMES[:20])
    assert agree(link_gallery(gallery, linker='bytetrack'), truth)


def test_a_clip_shows_the_track_with_its_box(tmp_path):
    levels = [40] * 900  # 30 s and 60 s: sought, not decoded
    path = write_clip(tmp_path / 'long.avi', levels, rate=10)
    frames = [Frame(str(path), i, i / 10) for i in (400, 420, 440)]
    boxes = [[10, 8, 30, 40], [20, 8, 40, 40], [30, 8, 50, 40]]
    gallery = gallery_of(frames, [0, 1, 2], boxes, np.eye(6)[:3])
    tracks = describe_tracks(gallery, np.zeros(3, np.int64))
    clip = tmp_path / 'out/clip.mp4'
    write_track_clip(clip, gallery, tracks, 0, around=0.5)
    with VideoReader(clip) as shown:
        green = []
        while shown.advance():
            image = shown.picture().astype(int)
            marked = image[..., 1] - image[..., 0] > 40
            green.append(np.flatnonzero(marked.any(0)))
    assert len(green) == 40 + 1 + 2 * 5, 'one frame in a tenth of a second'
    assert not len(green[0]) and not len(green[-1])
    # Half way between two frames that were looked at.
    assert green[5 + 10].min() == pytest.approx(15, abs=2)
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['clip.mp4']


def test_a_clip_is_not_written_where_opencv_would_crash(world, tmp_path):
    with pytest.raises(UserError, match='not UTF-8'):
        write_track_clip(tmp_path / '\udce9.mp4', *world, 1)


def test_a_picture_has_no_clip(world, tmp_path):
    with pytest.raises(UserError, match='p.png is a picture'):
        write_track_clip(tmp_path / 'a.mp4', *world, 0)
