"""The command line: one-line errors, contact sheets."""

import runpy
import sys

import cv2
import pytest

TOOL = 'tools/make_synthetic.py'


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, 'argv', [TOOL, *map(str, arguments)])
    runpy.run_path(TOOL, run_name='__main__')


def test_sheets_of_every_kind_of_set(monkeypatch, tmp_path):
    names = ['PRW', 'MSMT17_V1', 'CityPersons', 'LUPerson', 'cuhk03_release']
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
    with pytest.raises(SystemExit, match='unknown set PWR.*PRW'):
        run(monkeypatch, tmp_path, '--sets', 'PWR')
    (tmp_path / 'PRW').mkdir()
    with pytest.raises(SystemExit, match='error: .*PRW.*another folder'):
        run(monkeypatch, tmp_path, '--sets', 'PRW', '--size', 'tiny')
