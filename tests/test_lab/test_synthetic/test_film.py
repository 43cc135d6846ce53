import json
from collections import Counter

import cv2
import numpy as np
import pytest

from lab.synthetic.film import NAME, RATE, SIZE, make_film
from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.prepare import prepare

SECONDS, LABELLED = 16, 8


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp('MOT17') / NAME
    make_film(folder, persons=3, seconds=SECONDS, labelled=LABELLED, seed=1)
    return folder


def frames_of(path):
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(read[1])
    return np.array(frames)


def test_labels_are_where_something_moves(street):
    frames = frames_of(street / f'{NAME}.avi')
    assert frames.shape == (SECONDS * RATE, SIZE[1], SIZE[0], 3)
    still = np.median(frames, axis=0)
    rows = np.loadtxt(street / 'gt/gt.txt', delimiter=',')
    assert len(rows) > 20
    for frame, _, x, y, width, height, flag in rows:
        picture = frames[int(frame) - 1].astype(float)
        moved = np.abs(picture - still).max(2) > 40
        x1, y1 = max(int(x), 0), int(y)
        inside = moved[y1 : int(y + height), x1 : int(x + width)]
        assert flag == 1 and inside.mean() > 0.1
    # Nobody moves outside of the labels of a frame.
    frame = int(rows[len(rows) // 2, 0])
    moved = np.abs(frames[frame - 1] - still).max(2) > 80
    for _, _, x, y, width, height, _ in rows[rows[:, 0] == frame]:
        x1, y1 = max(int(x) - 3, 0), max(int(y) - 3, 0)
        moved[y1 : int(y + height) + 3, x1 : int(x + width) + 3] = False
    assert moved.mean() < 0.005


def test_the_first_seconds_are_labelled_and_everybody_comes_twice(street):
    rows = np.loadtxt(street / 'gt/gt.txt', delimiter=',')
    assert set(rows[:, 0] % 2) == {1} and rows[:, 0].max() <= LABELLED * RATE
    truth = json.loads((street / 'truth.json').read_text())
    assert Counter(walk['person'] for walk in truth) == {1: 2, 2: 2, 3: 2}
    for walk in truth:
        assert 0 <= walk['start'] < walk['end'] <= SECONDS
    for person in (1, 2, 3):
        first, second = (w for w in truth if w['person'] == person)
        assert second['start'] >= SECONDS / 2 > first['start']


def test_it_is_prepared_like_any_labelled_video(street, tmp_path):
    form = find_form('mot')
    options = form.choose(['split=time', 'train_share=0.8'])
    report = prepare(form, street.parent, tmp_path, options=options)
    assert report.found['train ids'] == 3
    train = json.loads((tmp_path / 'train.json').read_text())
    assert train['data_list'][0]['width'] == SIZE[0]
