"""Labelled video as published, where PS_REAL_MOT names its folder."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.mot_rows import read_rows
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.structures import load_protocols

FOLDER = Path(os.environ.get('PS_REAL_MOT', 'unset'))
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason='PS_REAL_MOT is not set'
)


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """(report, images of both splits, folder) of all sequences."""
    out = tmp_path_factory.mktemp('mot')
    report = prepare(find_form('mot'), FOLDER, out)
    images = [
        dict(image, split=split)
        for split in ('train', 'test')
        for image in json.loads((out / f'{split}.json').read_text())[
            'data_list'
        ]
    ]
    return report, images, out


def of(images, video):
    return [image for image in images if image['video'] == video]


def test_pets_is_labelled_in_every_fifth_frame(prepared):
    _, images, _ = prepared
    pets = of(images, 'PETS09-S2L1')
    assert [image['frame'] for image in pets] == list(range(1, 796, 5))
    rows = [i for image in pets for i in image['instances']]
    counted = [i['instance_id'] for i in rows if not i['ignore_flag']]
    assert (len(rows), len(rows) - len(counted)) == (929, 34)
    assert len(set(counted)) == 19 and min(counted) >= 0
    # The first 60 % of the 159 labelled frames train.
    trained = [image for image in pets if image['split'] == 'train']
    assert max(image['frame'] for image in trained) == 476
    assert pets[-1]['seconds'] == pytest.approx(790 / 7, abs=1e-3)
    assert all(Path(image['img_path']).is_file() for image in pets)


def test_classes_of_mot17_04():
    rows = read_rows(FOLDER / 'MOT17-04-FRCNN/gt/gt.txt')
    assert Counter(rows.classes.tolist()) == {
        'pedestrian': 336,
        'occluder-on-the-ground': 176,
        'occluder-full': 144,
        'bicycle': 88,
        'static-person': 32,
        'car': 8,
        'motorbike': 8,
    }
    assert rows.counted(('pedestrian',)).sum() == 336


def test_mot17_has_the_pictures_that_are_there(prepared):
    report, images, _ = prepared
    assert len(of(images, 'MOT17-02')) == 4
    assert len(of(images, 'MOT17-04')) == 8
    for image in of(images, 'MOT17-04'):
        assert len(image['instances']) == 99
        for instance in image['instances']:
            x1, y1, x2, y2 = instance['bbox']
            assert 0 <= x1 < x2 <= 1920 and 0 <= y1 < y2 <= 1080
    notes = [note.where for note in report.notes if 'seqLength' in note.what]
    assert notes == [
        'MOT17-02-FRCNN: 4, not 600',
        'MOT17-04-FRCNN: 8, not 1050',
    ]


def test_queries_are_answered_at_least_five_seconds_away(prepared):
    _, images, out = prepared
    (protocol,) = load_protocols(out / 'protocol.npz')
    assert protocol.name == 'apart-5s' and protocol.num_queries == 63
    seconds = {
        image['img_path']: (image['video'], image['seconds'])
        for image in images
    }
    for query, image in enumerate(protocol.query_images):
        video, when = seconds[protocol.images[image]]
        for entry in protocol.listed(query):
            other, then = seconds[protocol.images[entry]]
            assert other != video or abs(then - when) >= 5 - 1e-6
