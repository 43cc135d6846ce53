import csv
import json
import sys
from pathlib import Path

import cv2
import pytest

from mmdet_ps.utils.command_line import one_line
from mmdet_ps.utils.errors import UserError

from ..test_apis import colour_model
from ..test_apis.colour_model import scene

TOOLS = Path(__file__).parents[2] / 'tools'
RED, GREEN, BLUE = (0, 0, 250), (0, 250, 0), (250, 0, 0)
LEFT, RIGHT = (10, 10, 40, 90), (100, 10, 130, 90)


@pytest.fixture
def search(tmp_path, monkeypatch, capsys):
    """Run the tool on two frames; returns what it says."""
    monkeypatch.syspath_prepend(str(TOOLS))
    import search_folder

    monkeypatch.setattr(
        search_folder,
        'init_model',
        lambda config, checkpoint, device, trust: _init(config),
    )
    (tmp_path / 'config.py').write_text(colour_model.CONFIG)
    frames = tmp_path / 'frames'
    frames.mkdir()
    cv2.imwrite(str(frames / 'a.png'), scene([(*LEFT, RED), (*RIGHT, GREEN)]))
    cv2.imwrite(str(frames / 'b.png'), scene([(*RIGHT, BLUE)]))

    def run(people, *options):
        query = tmp_path / 'query.png'
        cv2.imwrite(str(query), scene(people))
        command = [tmp_path / 'config.py', 'none.pth', frames, '--query']
        command += [query, '--out', tmp_path / 'out', *options]
        try:
            search_folder.main([str(word) for word in command])
        except (UserError, OSError) as error:
            return one_line(error)
        return capsys.readouterr().out

    yield run
    sys.modules.pop('search_folder')


def _init(config):
    from mmdet_ps.apis import init_model

    return init_model(config)


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
    import mmdet_ps.apis.gallery_index as gallery_index

    def not_again(*args, **kwargs):
        raise AssertionError('searched again')

    monkeypatch.setattr(gallery_index, 'detect', not_again)
    assert search([(*LEFT, BLUE)], '--box', *LEFT).startswith('found')


def test_an_empty_query_and_a_box_outside_are_one_line_errors(search):
    assert 'nobody is found' in search([])
    message = search([(*LEFT, RED)], '--box', 900, 0, 950, 90)
    assert message.startswith('box 0')
