import json

import pytest

from mmdet_ps.utils.files import replacing, write_json, write_text


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / 'folder/figures.txt'
    write_text(path, 'old')
    with pytest.raises(KeyboardInterrupt), replacing(path) as beside:
        beside.write_text('half')
        raise KeyboardInterrupt
    assert path.read_text() == 'old'
    assert list(path.parent.iterdir()) == [path]


def test_the_new_file_is_there_only_when_it_is_whole(tmp_path):
    path = tmp_path / 'figures.txt'
    with replacing(path) as beside:
        beside.write_text('new')
        assert beside.parent == path.parent and not path.exists()
    assert path.read_text() == 'new'


def test_a_failing_encoder_writes_nothing(tmp_path):
    path = tmp_path / 'figures.json'
    with pytest.raises(TypeError):
        write_json(path, dict(value=object()))
    assert not list(tmp_path.iterdir())
    write_json(path, dict(value=[1, 'é']), indent=1)
    assert json.loads(path.read_text()) == dict(value=[1, 'é'])
    assert path.read_bytes().endswith(b'}\n')
