"""The tool's promises: same seed same bytes, whole sets, no mixing."""

import filecmp
import shutil

import pytest

from lab.synthetic import available_sets, make_sets
from lab.synthetic.make import SettingsClashError


def quiet(_: str) -> None:
    """Takes the place of print."""


def different_files(one, other) -> list[str]:
    """Files that are missing on one side or hold other bytes."""
    names = {
        str(path.relative_to(root))
        for root in (one, other)
        for path in root.rglob('*')
        if path.is_file()
    }
    _, changed, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    return sorted([*changed, *missing])


def test_bytes_depend_on_the_seed_only(tmp_path, tiny_world):
    make_sets(tmp_path, available_sets('tiny'), 0, 'tiny', 2, False, quiet)
    assert different_files(tmp_path, tiny_world) == []
    name = 'Market-1501-v15.09.15'
    make_sets(tmp_path / 'other', [name], 1, 'tiny', 1, False, quiet)
    assert different_files(tmp_path / 'other' / name, tiny_world / name)


def test_other_settings_need_overwrite(tmp_path, tiny_world):
    name = 'MSMT17_V1'
    shutil.copytree(tiny_world / name, tmp_path / name)
    with pytest.raises(SettingsClashError, match='--overwrite'):
        make_sets(tmp_path, [name], 3, 'tiny', 1, False, quiet)
    make_sets(tmp_path, [name], 3, 'tiny', 1, True, quiet)
    with pytest.raises(SettingsClashError, match="'seed': 3"):
        make_sets(tmp_path, [name], 0, 'tiny', 1, False, quiet)


def test_data_of_others_is_never_replaced(tmp_path):
    treasure = tmp_path / 'PRW' / 'frame_train.mat'
    treasure.parent.mkdir()
    treasure.write_text('real')
    with pytest.raises(SettingsClashError, match='not drawn by this tool'):
        make_sets(tmp_path, ['MSMT17_V1', 'PRW'], 0, 'tiny', 1, True, quiet)
    assert treasure.read_text() == 'real'
    assert not (tmp_path / 'MSMT17_V1').exists()


def test_finished_sets_are_kept_and_broken_ones_made_again(tmp_path):
    lines: list[str] = []
    name = 'MSMT17_V1'
    (tmp_path / f'{name}.partial').mkdir(parents=True)
    for _ in range(2):
        make_sets(tmp_path, [name], 0, 'tiny', 1, False, lines.append)
    assert lines == [f'{name}: made', f'{name}: already there']
    assert not (tmp_path / f'{name}.partial').exists()
