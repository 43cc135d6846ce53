import runpy
from pathlib import Path

import cv2
import pytest

from mmdet_ps.utils.errors import UserError

from .test_make_report import write_data, write_results

TOOL = Path(__file__).parents[2] / 'tools/analysis_tools/show_rankings.py'


@pytest.fixture
def show(tmp_path):
    """Runs the tool; returns the pictures it wrote, by name."""
    write_data(tmp_path / 'PRW')
    for name, right in (('right.pkl', True), ('wrong.pkl', False)):
        write_results(tmp_path / name, tmp_path / 'PRW', right)
    main = runpy.run_path(str(TOOL))['main']

    def run(*arguments):
        out = tmp_path / 'pictures'
        files = ['--data-root', str(tmp_path / 'PRW'), '--out', str(out)]
        results, *options = arguments
        main([str(tmp_path / results), *files, *options])
        return {path.stem: cv2.imread(str(path)) for path in out.iterdir()}

    return run


def test_best_worst_and_random_queries_are_drawn(show):
    pictures = show('right.pkl', '--number', '1')
    kinds = {name.split('_')[0] for name in pictures}
    assert kinds == {'best', 'worst', 'random'} and len(pictures) == 3
    assert all(picture.std() > 10 for picture in pictures.values())


def test_one_picture_is_not_many(show, capsys):
    show('right.pkl', '--queries', '1')
    assert capsys.readouterr().out.startswith('1 picture in ')


def test_two_files_stand_below_each_other(show, tmp_path):
    one = show('right.pkl', '--queries', '1')['query_00_query_1']
    other = str(tmp_path / 'wrong.pkl')
    both = show('right.pkl', '--against', other, '--queries', '1')
    assert both['query_00_query_1'].shape[0] > 1.8 * one.shape[0]


def test_a_query_that_is_not_there_is_named(show):
    with pytest.raises(UserError, match='query 7: there are 0 to 1'):
        show('right.pkl', '--queries', '7')
