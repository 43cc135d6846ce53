"""Configurations by name, and tools by the name they have here."""

from collections import Counter
from pathlib import Path

import pytest

from mmdet_ps import resources
from mmdet_ps.utils.command_line import report_mistake
from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[1]
NAE = ROOT / 'configs/nae/nae_r50-c4_1xb5-7e_prw.py'


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A package that carries its resources, with one tool."""
    tools = tmp_path / '.mim' / 'tools'
    tools.mkdir(parents=True)
    (tools / 'show.py').touch()
    (tools / 'train.py').touch()
    (tools / 'test_results_prw.py').touch()
    monkeypatch.setattr(resources, 'PACKED', tmp_path / '.mim')
    return tmp_path / '.mim'


@pytest.mark.parametrize(
    'name',
    [
        'nae_r50-c4_1xb5-7e_prw',
        'nae_r50-c4_1xb5-7e_prw.py',
        'nae/nae_r50-c4_1xb5-7e_prw',
        'configs/nae/nae_r50-c4_1xb5-7e_prw.py',
    ],
)
def test_a_configuration_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resources.find_config(name).samefile(NAE)


def test_no_two_configurations_have_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = Counter(path.name for path in resources.configs())
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) > 50


def test_a_configuration_of_this_folder_comes_first(tmp_path, monkeypatch):
    (tmp_path / 'configs/mine').mkdir(parents=True)
    mine = tmp_path / 'configs/mine/nae_r50-c4_1xb5-7e_prw.py'
    mine.write_text('value = 1\n')
    monkeypatch.chdir(tmp_path)
    assert resources.find_config('nae_r50-c4_1xb5-7e_prw').samefile(mine)
    assert read_config('nae_r50-c4_1xb5-7e_prw').value == 1


def test_the_nearest_names_are_suggested():
    with pytest.raises(UserError) as error:
        resources.find_config('nae_r50_1xb5-7e_prw')
    assert 'nae_r50_1xb5-7e_prw: no such configuration' in str(error.value)
    assert 'did you mean nae_r50-c4_1xb5-7e_prw' in str(error.value)
    with pytest.raises(UserError, match='those of this package are in'):
        resources.find_config('qqqqqqqq')


def test_the_repository_says_what_the_repository_has():
    text = 'run `python tools/train.py CONFIG`'
    assert resources.as_installed(text) == text


def test_an_installed_package_names_its_commands(packed, capsys):
    report_mistake(
        UserError(
            '`python tools/train.py X`, tools/test_results_prw.py, '
            'python tools/show.py, python tools/make_synthetic.py, '
            'tools/model_converters/alignps.py, sh tools/install.sh'
        )
    )
    assert capsys.readouterr().err == (
        'error: `mmdet-ps train X`, mmdet-ps score prw, mmdet-ps '
        'tools/show.py, python tools/make_synthetic.py, mmdet-ps convert '
        'alignps, pip install mmdet_ps\n'
    )


def test_a_tool_of_the_repository_alone_is_said_to_be(packed):
    assert resources.find_tool('show.py') == packed / 'tools/show.py'
    with pytest.raises(UserError, match='in the repository alone'):
        resources.find_tool('make_synthetic.py')
