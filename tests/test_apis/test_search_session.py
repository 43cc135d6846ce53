"""What the page does, without a browser."""

import json

import cv2
import numpy as np
import pytest

from mmdet_ps.apis.search_session import gallery_of_model
from mmdet_ps.utils.errors import UserError

from .colour_model import scene
from .conftest import GREEN, LEFT, RED, RIGHT


def encoded(image):
    return cv2.imencode('.png', image)[1].tobytes()


def test_an_uploaded_person_is_chosen_found_judged_and_kept(session, place):
    two = scene([(*LEFT, GREEN), (*RIGHT, RED)])
    session.show_upload('two.png', encoded(two))
    assert len(session.scene.boxes) == 2 and session.box is None
    assert not session.choose_at(70, 50), 'nobody stands there'
    assert session.choose_at(20, 20)
    assert session.box == pytest.approx(LEFT, abs=1)
    session.find()
    best = session.answers[0]
    assert best.accepted and best.frame.path.endswith('film.avi')
    assert best.bbox == pytest.approx(RIGHT, abs=1)
    session.judge(best.rank, False)
    session.judge(2, True)
    written = session.export(['mot'])
    assert all(path.is_file() for path in written)
    report = json.loads((place / 'kept/ranking.json').read_text())
    assert [a['accepted'] for a in report['answers'][:2]] == [False, True]
    assert report['videos'] == [str(place / 'film.avi')]
    assert report['pictures'] == 1


def test_the_only_person_of_a_picture_is_chosen_at_once(session, place):
    red = next(f for f in session.finder.files() if f.endswith('red.png'))
    session.show_frame(session.finder.files()[red][0])
    assert session.box == pytest.approx(RIGHT, abs=1)
    session.find(top_k=1)
    (best,) = session.answers
    # The picture asked with is no answer.
    assert best.frame.path.endswith('film.avi')


def test_frames_of_the_footage_show_the_persons_known_there(session):
    files = session.finder.files()
    film = next(path for path in files if path.endswith('film.avi'))
    assert [frame.index for frame in files[film]] == [0, 4, 8]
    session.show_frame(files[film][1])
    assert session.scene.image.shape == (120, 200, 3)
    found = session.scene.boxes[np.argsort(session.scene.boxes[:, 0])]
    assert found == pytest.approx(np.array([LEFT, RIGHT]), abs=2)


def test_of_several_boxes_the_one_in_whose_middle_one_clicks(session):
    session.show_upload('one.png', encoded(scene([(*LEFT, RED)])))
    # A person, the person's upper half, and somebody small in front.
    session.scene.boxes = np.array(
        [[0, 0, 40, 100], [10, 0, 30, 50], [20, 70, 40, 100]], np.float32
    )
    for point, number in (((20, 50), 0), ((20, 20), 1), ((32, 86), 2)):
        assert session.choose_at(*point)
        assert session.box == tuple(session.scene.boxes[number])


def test_a_drawn_box_is_put_in_order_and_kept_inside(session):
    session.show_upload('one.png', encoded(scene([(*LEFT, RED)])))
    assert session.choose_box((45, 95), (-5, 8))
    assert session.box == (0, 8, 45, 95)
    assert not session.choose_box((50, 50), (52, 90)), 'that was a click'
    assert session.box == (0, 8, 45, 95)


def test_a_threshold_of_ones_own_is_said_to_be_given(session):
    session.show_upload('one.png', encoded(scene([(*LEFT, RED)])))
    session.find(round(session.finder.threshold.value, 2))
    assert session.threshold == session.finder.threshold
    session.find(0.9)
    assert (session.threshold.value, session.threshold.origin) == (
        0.9,
        'given',
    )


def test_who_goes_on_to_another_picture_does_not_disturb_a_search(session):
    session.show_upload('one.png', encoded(scene([(*LEFT, RED)])))
    embed = session.finder.embed

    def slow(image, box):
        two = scene([(*LEFT, RED), (*RIGHT, GREEN)])
        session.show_upload('two.png', encoded(two))
        return embed(image, box)

    session.finder.embed = slow
    session.find()
    assert [frame.path for frame in session.query.frames] == ['one.png']
    assert session.answers[0].accepted


def test_mistakes_are_said(session, place, model):
    with pytest.raises(UserError, match='nobody is chosen'):
        session.find()
    with pytest.raises(UserError, match='nothing to export'):
        session.export()
    for content in (b'', b'no picture'):
        with pytest.raises(UserError, match='not an image OpenCV can read'):
            session.show_upload('note.txt', content)
    path, gallery = gallery_of_model(place, model, 0.3)
    assert path.name == 'index.npz' and len(gallery) == 7
    with pytest.raises(UserError, match='another model'):
        gallery_of_model(path, model, 0.4)
    with pytest.raises(UserError, match='index footage first'):
        gallery_of_model(place / 'nowhere', model, 0.3)
    assert not (place / 'nowhere').exists()
