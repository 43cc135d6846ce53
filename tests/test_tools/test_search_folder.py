import csv
import json
import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdet_ps.apis.gallery_store import load_gallery
from mmdet_ps.utils.command_line import one_line
from mmdet_ps.utils.errors import UserError

from ..test_apis import colour_model
from ..test_apis.colour_model import scene
from ..videos import write_frames

TOOLS = Path(__file__).parents[2] / 'tools'
RED, GREEN, BLUE = (0, 0, 250), (0, 250, 0), (250, 0, 0)
LEFT, RIGHT = (10, 10, 40, 90), (100, 10, 130, 90)


@pytest.fixture
def search(tmp_path, monkeypatch, capsys):
    """Run the tool on two frames; returns what it says."""
    monkeypatch.syspath_prepend(str(TOOLS))
    import search_folder

    from mmdet_ps.apis import inference

    init_model = inference.init_model
    monkeypatch.setattr(
        inference,
        'init_model',
        lambda config, checkpoint, device, trust: init_model(config),
    )
    (tmp_path / 'config.py').write_text(colour_model.CONFIG)
    frames = tmp_path / 'frames'
    frames.mkdir()
    cv2.imwrite(str(frames / 'a.png'), scene([(*LEFT, RED), (*RIGHT, GREEN)]))
    cv2.imwrite(str(frames / 'b.png'), scene([(*RIGHT, BLUE)]))

    def run(people, *options, footage=frames):
        command = [tmp_path / 'config.py', 'none.pth', footage]
        command += ['--out', tmp_path / 'out']
        if people is not None:
            query = tmp_path / 'query.png'
            cv2.imwrite(str(query), scene(people))
            command += ['--query', query]
        command += options
        try:
            search_folder.main([str(word) for word in command])
        except (UserError, OSError) as error:
            return one_line(error)
        written = capsys.readouterr()
        run.notes = written.err
        return written.out

    yield run
    sys.modules.pop('search_folder')


def test_the_person_is_found(search, tmp_path):
    message = search([(*LEFT, GREEN)], '--box', *LEFT)
    assert message.startswith('found in 1 of the 2 answers')
    report = json.loads((tmp_path / 'out/ranking.json').read_text())
    best = report['answers'][0]
    assert report['found'] and report['frames'] == 2 and report['persons'] == 3
    assert Path(best['path']).name == 'a.png'
    assert best['x1'] == pytest.approx(100, abs=1)
    assert best['similarity'] == pytest.approx(1, abs=1e-3)
    with open(tmp_path / 'out/ranking.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['accepted'] for row in rows] == ['True', 'False']
    picture = cv2.imread(str(tmp_path / 'out/ranking.jpg'))
    assert picture is not None and picture.shape[1] > 300


def test_what_cannot_be_written_is_said_before_anything_is_indexed(
    search, tmp_path, monkeypatch
):
    person = [(*LEFT, RED)]
    for option in (['--clips'], ['--export', 'mot']):
        message = search(person, '--per', 'frame', *option)
        assert '--clips and --export write tracks' in message
    for name, options in (
        ('fiftyone', ['--export', 'fiftyone']),
        ('trackers', ['--linker', 'bytetrack']),
        ('faiss', ['--search', 'faiss']),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, 'supervision', object())
            patch.setitem(sys.modules, name, None)
            assert 'pip install' in search(person, *options)
    assert not (tmp_path / 'out').exists()


def test_the_index_can_be_read_from_another_folder(
    search, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    search(None, '--index-only', footage='frames')
    monkeypatch.chdir('/')
    gallery = load_gallery(tmp_path / 'out/index.npz')
    assert all(Path(frame.path).is_file() for frame in gallery.frames)
    message = search([(*LEFT, RED)])
    assert 'searched 2 frames' in message
    assert len(load_gallery(tmp_path / 'out/index.npz')) == len(gallery)


def test_somebody_who_is_not_there_is_not_found(search, tmp_path):
    purple = (180, 60, 180)
    message = search([(*LEFT, purple)], '--threshold', '0.95')
    assert message.startswith('not found: the best similarity is 0.')
    assert not json.loads((tmp_path / 'out/ranking.json').read_text())['found']


def test_without_a_box_several_persons_are_listed(search, tmp_path):
    people = [(*LEFT, RED), (*RIGHT, BLUE)]
    message = search(people)
    assert '2 persons are found' in message and '--person' in message
    assert (tmp_path / 'out/query_persons.jpg').is_file()
    assert search(people, '--person', 1).startswith('found')
    best = json.loads((tmp_path / 'out/ranking.json').read_text())['answers']
    assert Path(best[0]['path']).name in ('a.png', 'b.png')


def test_the_second_search_uses_the_index(search, tmp_path, monkeypatch):
    search([(*LEFT, RED)], '--box', *LEFT)
    import mmdet_ps.apis.inference as inference

    def not_again(*args, **kwargs):
        raise AssertionError('searched again')

    monkeypatch.setattr(inference, 'detect_batch', not_again)
    assert search([(*LEFT, BLUE)], '--box', *LEFT).startswith('found')


def test_several_persons_are_answered_each_in_a_folder(search, tmp_path):
    for name, colour in (('red', RED), ('blue', BLUE)):
        cv2.imwrite(str(tmp_path / f'{name}.png'), scene([(*LEFT, colour)]))
    message = search(
        None,
        '--query', tmp_path / 'red.png', '--name', 'Ann', '--box', *LEFT,
        '--query', tmp_path / 'blue.png', tmp_path / 'blue.png',
    )  # fmt: skip
    assert 'Ann: found in 1' in message and 'blue: found in 1' in message
    report = json.loads((tmp_path / 'out/ranking.json').read_text())
    ann, blue = report['queries']
    assert ann['query']['name'] == 'Ann' and ann['query']['box'] == [*LEFT]
    assert len(blue['query']['pictures']) == 2
    assert Path(blue['answers'][0]['path']).name == 'b.png'
    with open(tmp_path / 'out/ranking.csv') as file:
        rows = list(csv.DictReader(file))
    assert {row['query'] for row in rows} == {'Ann', 'blue'}
    for name in ('Ann', 'blue'):
        for suffix in ('json', 'csv', 'jpg'):
            assert (tmp_path / f'out/{name}/ranking.{suffix}').is_file()


def test_options_before_a_query_belong_to_it(search):
    people = [(*LEFT, RED), (*RIGHT, BLUE)]
    assert search(people, '--box', *LEFT).startswith('found in 1')
    message = search(people, '--box', *LEFT, '--box', *RIGHT)
    assert message.startswith('--box is given more often')
    assert 'required: --query' in search(None)
    assert 'belongs to a --query' in search(None, '--box', *LEFT)


def test_what_was_not_looked_at_is_said_and_listed(search, tmp_path):
    frames = tmp_path / 'frames'
    (frames / 'c.png').write_bytes(b'broken')
    (frames / 'd.heic').write_bytes(b'x')
    (frames / '.e.png').write_bytes(b'x')
    message = search([(*LEFT, RED)])
    assert message.startswith('found in 1')
    assert 'not looked at: ' in message and '.heic is not read' in message
    report = json.loads((tmp_path / 'out/ranking.json').read_text())
    assert report['skipped']['count'] == 3
    with open(tmp_path / 'out/skipped.csv') as file:
        names = {Path(row['path']).name for row in csv.DictReader(file)}
    assert names == {'c.png', 'd.heic', '.e.png'}


def test_names_that_are_not_utf8_end_nothing(search, tmp_path):
    folder = os.fsencode(tmp_path / 'frames')
    write_frames(tmp_path / 'v.avi', [scene([(*LEFT, RED)])])
    os.rename(folder + b'/a.png', folder + b'/\xe9t\xe9.png')
    os.rename(tmp_path / 'v.avi', folder + b'/\xe9t\xe9.avi')
    message = search([(*LEFT, RED)])
    assert message.startswith('found in 1')
    assert '1 x its path is not UTF-8' in message
    assert b'\xe9t\xe9.png' in (tmp_path / 'out/ranking.csv').read_bytes()


def test_a_damaged_index_is_built_again_with_a_word(search, tmp_path):
    first = search([(*LEFT, RED)])
    assert 'built again' not in search.notes
    index = tmp_path / 'out/index.npz'
    for damaged in (index.read_bytes()[:200], b''):
        index.write_bytes(damaged)
        assert search([(*LEFT, RED)]) == first
        assert 'index.npz is built again' in search.notes
        search(None, '--index-only')
        assert 'built again' not in search.notes


def test_answers_within_the_footage_are_no_footage(search, tmp_path):
    write_frames(tmp_path / 'frames/v.avi', [scene([(*LEFT, RED)])])
    to = ('--out', tmp_path / 'frames/answers', '--clips')
    assert '2 persons' in search([(*LEFT, RED), (*RIGHT, BLUE)], *to)
    for number in (1, 3):  # the persons listed; then a picture and a clip
        message = search([(*LEFT, RED)], *to, '--threshold', '0')
        assert 'searched 3 frames of 2 pictures and 1 videos' in message
        assert f'{number} x written by a search' in message


def test_clips_of_an_earlier_search_do_not_stay(search, tmp_path):
    write_frames(tmp_path / 'frames/v.avi', [scene([(*LEFT, RED)])])
    search([(*LEFT, RED)], '--clips')
    assert len(list((tmp_path / 'out/clips').iterdir())) == 1
    search([(*LEFT, (180, 60, 180))], '--clips', '--threshold', '0.95')
    assert not list((tmp_path / 'out/clips').iterdir())


def test_files_can_be_taken_out_of_the_index(search, tmp_path):
    search([(*LEFT, RED)])
    a = tmp_path / 'frames/a.png'
    a.rename(tmp_path / 'a.png')
    other = tmp_path / 'frames/../frames/a.png'  # the same, otherwise written
    message = search([(*LEFT, RED)], '--remove', other, 'z.png')
    assert 'note: z.png is not in ' in search.notes
    assert 'a.png' not in search.notes
    assert a.name not in str(load_gallery(tmp_path / 'out/index.npz').frames)
    assert message.startswith('not found')
    assert 'searched 1 frames' in message


# name, colour (BGR), seen from, seen until, x at the start, x at the end, y
CAST = [
    ('red', (0, 0, 250), 0.0, 15.0, 0, 300, 10),
    ('green', (0, 250, 0), 3.0, 30.0, 330, 0, 10),  # walks through red
    ('blue', (250, 0, 0), 10.0, 50.0, 20, 320, 90),
    ('yellow', (0, 220, 220), 20.0, 58.0, 300, 20, 170),
    ('pink', (220, 0, 220), 40.0, 59.9, 0, 340, 10),
]
RATE = 10


@pytest.fixture(scope='module')
def minute(tmp_path_factory):
    """A minute of video with five persons, at ten frames a second."""

    def images():
        for number in range(60 * RATE):
            t = number / RATE
            people = []
            for _, colour, start, end, x0, x1, y in CAST:
                if start <= t <= end:
                    x = round(x0 + (x1 - x0) * (t - start) / (end - start))
                    people.append((x, y, x + 25, y + 60, colour))
            yield scene(people, height=240, width=400)

    path = tmp_path_factory.mktemp('minute') / 'minute.avi'
    return write_frames(path, images(), RATE)


def ask_for_all(minute):
    """Options that ask for everybody by a frame of the video."""
    options = []
    for name, _, start, end, x0, x1, y in CAST:
        when = min(start + 1.5, end)
        x = x0 + (x1 - x0) * (when - start) / (end - start)
        options += ['--query', minute, '--query-frame', round(when * RATE)]
        options += ['--box', x, y, x + 25, y + 60, '--name', name]
    return options


def test_a_minute_of_video_gives_one_answer_per_person(
    search, minute, tmp_path
):
    message = search(
        None, *ask_for_all(minute), '--clips', '--export', 'mot', 'coco',
        footage=minute,
    )  # fmt: skip
    report = json.loads((tmp_path / 'out/ranking.json').read_text())
    for person, found in zip(CAST, report['queries'], strict=True):
        name, _, start, end, *_ = person
        accepted = [a for a in found['answers'] if a['accepted']]
        assert len(accepted) == 1, (name, found['answers'])
        assert accepted[0]['start'] == pytest.approx(start, abs=0.5)
        assert accepted[0]['end'] == pytest.approx(end, abs=0.5)
        clip = cv2.VideoCapture(str(tmp_path / f'out/{name}/clips/01.mp4'))
        shown = clip.get(cv2.CAP_PROP_FRAME_COUNT) / RATE
        longest = min(end + 1, 60) - max(start - 1, 0)
        assert shown == pytest.approx(longest, abs=1)
    rows = (tmp_path / 'out/export/mot/minute.txt').read_text().splitlines()
    assert len({row.split(',')[1] for row in rows}) == len(CAST)
    coco = json.loads((tmp_path / 'out/export/coco.json').read_text())
    assert {a['name'] for a in coco['annotations']} == {
        person[0] for person in CAST
    }
    assert '(minute.avi)' in message


def test_a_killed_indexing_goes_on(search, minute, tmp_path, monkeypatch):
    from mmdet_ps.apis import indexing, inference

    monkeypatch.setattr(indexing, 'COMMIT_EVERY', 0.0)
    searched = []
    detect_batch = inference.detect_batch

    def counting(model, images, **options):
        searched.append(len(images))
        return detect_batch(model, images, **options)

    monkeypatch.setattr(inference, 'detect_batch', counting)
    index = tmp_path / 'out/index.npz'
    child = os.fork()
    if child == 0:
        try:
            search(None, '--index-only', footage=minute)
        finally:
            os._exit(1)
    deadline = time.monotonic() + 60
    while not index.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    search(None, '--index-only', footage=minute)
    assert 0 < sum(searched) < 150
    gone_on = load_gallery(index)
    index.unlink()
    search(None, '--index-only', footage=minute)
    whole = load_gallery(index)
    assert gone_on.frames == whole.frames
    assert np.array_equal(gone_on.embeddings, whole.embeddings)


def test_an_empty_query_and_a_box_outside_are_one_line_errors(search):
    assert 'nobody is found' in search([])
    message = search([(*LEFT, RED)], '--box', 900, 0, 950, 90)
    assert message.startswith('box 0')
