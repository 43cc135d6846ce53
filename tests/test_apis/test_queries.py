import cv2
import numpy as np
import pytest

from mmdet_ps.apis.queries import (
    Query,
    QueryPicture,
    check_names,
    embed_query,
    fuse,
    load_query,
    read_query_table,
)
from mmdet_ps.utils.errors import UserError

from ..videos import write_clip
from .colour_model import scene

RED, GREEN = (0, 0, 250), (0, 250, 0)
LEFT, RIGHT = (10, 10, 40, 90), (100, 10, 130, 90)


@pytest.fixture
def picture(tmp_path):
    """Writes people to a picture; its path."""

    def write(name, people):
        path = tmp_path / name
        cv2.imwrite(str(path), scene(people))
        return str(path)

    return write


def test_several_pictures_of_one_person_are_fused(model, picture, tmp_path):
    one = QueryPicture(picture('a.png', [(*LEFT, RED)]))
    two = QueryPicture(
        picture('b.png', [(*LEFT, RED), (*RIGHT, GREEN)]), box=list(RIGHT)
    )
    found = embed_query(model, Query('x', [one, two]), tmp_path)
    assert found.embedding == pytest.approx([0, 0.5**0.5, 0.5**0.5], abs=0.01)
    assert found.boxes[0] == pytest.approx(LEFT, abs=1)
    assert [frame.name for frame in found.frames] == ['a', 'b']
    assert len(found.images) == 2


def test_the_mean_of_unit_vectors_has_unit_length():
    vectors = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], float)
    assert fuse(vectors) == pytest.approx(np.array([2, 1, 0]) / 5**0.5)


def test_a_number_names_one_of_several_persons(model, picture, tmp_path):
    path = picture('a.png', [(*LEFT, RED), (*RIGHT, GREEN)])
    for number, axis in ((0, 2), (1, 1)):
        query = Query('x', [QueryPicture(path, person=number)])
        assert embed_query(model, query, tmp_path).embedding.argmax() == axis
    for number in (None, 2, -1):
        query = Query('x', [QueryPicture(path, person=number)])
        with pytest.raises(UserError, match='2 persons are found in .*a.png'):
            embed_query(model, query, tmp_path)


def test_a_frame_of_a_video_comes_with_its_time(tmp_path):
    path = write_clip(tmp_path / 'a.avi', range(0, 120, 10), rate=4)
    frame, image = load_query(QueryPicture(str(path), 6))
    assert (frame.index, frame.seconds) == (6, 1.5)
    assert image.mean() == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ('name', 'number', 'message'),
    [
        ('a.avi', None, 'a.avi is a video: add --query-frame N'),
        ('a.avi', 99, 'frame 99 cannot be decoded'),
        ('a.avi', -1, '--query-frame -1'),
        ('b.png', 3, '--query-frame 3: .*b.png is no video'),
        ('', None, 'is a folder: name a picture'),
        ('c.png', None, 'c.png is not there'),
        ('ann', None, 'ann is not there'),
        ('d.heic', None, 'd.heic is not an image.*convert it to JPEG'),
        ('d.heic', 0, 'd.heic is neither an image nor a video'),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    tmp_path, picture, name, number, message
):
    write_clip(tmp_path / 'a.avi', range(0, 50, 10))
    picture('b.png', [])
    (tmp_path / 'd.heic').write_bytes(b'x')
    with pytest.raises((UserError, FileNotFoundError), match=message):
        load_query(QueryPicture(str(tmp_path / name), number))


def test_a_table_of_queries(tmp_path):
    path = tmp_path / 'people.csv'
    path.write_text(
        '\ufeffname,path,frame,x1,y1,x2,y2\n'
        'Ann,a.jpg,,1,2,3,4.5\n'
        'Bob,v.mp4,12,,,,\n'
        'Ann,/b.jpg\n'
        ',c.jpg,,,,,\n'
    )
    ann, bob, c = read_query_table(path)
    assert (ann.name, bob.name, c.name) == ('Ann', 'Bob', 'c')
    assert ann.pictures == [
        QueryPicture(str(tmp_path / 'a.jpg'), None, [1, 2, 3, 4.5]),
        QueryPicture('/b.jpg'),
    ]
    assert bob.pictures == [QueryPicture(str(tmp_path / 'v.mp4'), 12)]


@pytest.mark.parametrize('row', ['Ann,,,,,,', 'A,a.jpg,x,,,,', 'A,a.jpg,,1,2'])
def test_a_bad_row_is_named(tmp_path, row):
    path = tmp_path / 'people.csv'
    path.write_text(f'name,path,frame,x1,y1,x2,y2\nBob,b.jpg\n{row}\n')
    with pytest.raises(UserError, match='people.csv: line 3 is no query'):
        read_query_table(path)
    path.write_text(f'name,path,frame,x1,y1,x2,y2\n\n{row}\n')
    with pytest.raises(UserError, match='people.csv: line 3 is no query'):
        read_query_table(path)
    # A quotation mark that is never closed takes in the rest of a long table.
    path.write_text('name,path\nA,"b.jpg\n' + 20_000 * 'A,b.jpg\n')
    with pytest.raises(UserError, match='people.csv: line .* is no query'):
        read_query_table(path)
    path.write_text('name,path\n')
    with pytest.raises(UserError, match='holds no query'):
        read_query_table(path)
    path.write_bytes('name,path\nM\xfcller,a.jpg\n'.encode('latin1'))
    with pytest.raises(UserError, match='people.csv: is not UTF-8'):
        read_query_table(path)


def test_names_become_folders_of_their_own():
    names = ['', 'a b', '../etc/x', '', 'A B', '...']
    queries = [Query(name, [QueryPicture('dir/ann.jpg')]) for name in names]
    check_names(queries)
    assert [query.name for query in queries] == [
        'ann', 'a b', '_etc_x', 'ann-2', 'A B-2', 'query',
    ]  # fmt: skip
