"""The command line: one-line errors, contact sheets."""

import runpy
import sys
from importlib.util import find_spec

import cv2
import pytest

from lab.synthetic import available_sets
from mmdet_ps.utils.errors import UserError

TOOL = 'tools/make_synthetic.py'


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, 'argv', [TOOL, *map(str, arguments)])
    runpy.run_path(TOOL)['main']()


def test_sheets_of_every_kind_of_set(monkeypatch, tmp_path):
    names = ['PRW', 'MSMT17_V1', 'CityPersons', 'LUPerson']
    names += ['cuhk03_release'] if find_spec('h5py') else []
    run(
        monkeypatch,
        tmp_path,
        *('--size', 'tiny', '--workers', 1),
        *('--preview', tmp_path / 'sheets', '--sets', *names),
    )
    sheets = {path.name for path in (tmp_path / 'sheets').iterdir()}
    assert sheets == {
        'PRW_scenes.png',
        'PRW_identities.png',
        'MSMT17_V1_identities.png',
        'CityPersons_scenes.png',
    }
    page = cv2.imread(str(tmp_path / 'sheets/PRW_scenes.png'))
    assert page.shape[0] > 400 and page.std() > 20


def test_errors_name_the_remedy(monkeypatch, tmp_path):
    with pytest.raises(UserError, match='unknown set PWR.*PRW'):
        run(monkeypatch, tmp_path, '--sets', 'PWR')
    (tmp_path / 'PRW').mkdir()
    with pytest.raises(UserError, match='.*PRW.*another folder'):
        run(monkeypatch, tmp_path, '--sets', 'PRW', '--size', 'tiny')


def test_without_h5py_only_cuhk03_is_left_out(monkeypatch, tmp_path):
    everything = available_sets('tiny')
    monkeypatch.setitem(sys.modules, 'h5py', None)
    assert set(everything) - set(available_sets('tiny')) <= {'cuhk03_release'}
    assert 'cuhk03_release' not in available_sets('tiny')
    with pytest.raises(UserError, match='pip install h5py'):
        run(
            monkeypatch,
            tmp_path,
            *('--size', 'tiny', '--sets', 'cuhk03_release'),
        )
    assert not (tmp_path / 'cuhk03_release').exists()
