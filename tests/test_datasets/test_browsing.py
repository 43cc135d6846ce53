"""Browsing: any source becomes annotated images."""

import runpy
from pathlib import Path

import pytest

from mmdet_ps.datasets.browsing import (
    choose,
    config_items,
    file_items,
    identity_rows,
)
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.datasets.native.registry import find_form
from mmdet_ps.utils.errors import UserError

from . import more_native_trees as more
from . import native_trees as trees

TOOL = Path(__file__).parents[2] / 'tools/analysis_tools/browse_dataset.py'


@pytest.fixture
def prw(tmp_path):
    root = trees.prw(tmp_path / 'PRW')
    prepare(find_form('prw'), root)
    return root


def test_a_folder_and_its_file_show_the_same(prw):
    items = file_items(prw, 'test', None, 3, -1)
    assert [i.caption for i in items] == [
        f'{stem}.jpg' for stem in list(trees.PRW_TEST)[:3]
    ]
    assert items[0].person_ids.tolist() == [933, 1]
    assert items[0].image.shape == (100, 200, 3)
    again = file_items(prw / 'prepared/test.json', 'x', None, 3, -1)
    assert (again[0].image == items[0].image).all()


def test_identities_come_with_their_own_box_first(prw):
    rows = dict(identity_rows(prw, 'train', None, 10, 0))
    assert set(rows) == {1, 2, 3}
    assert len(rows[3]) == 2
    for person_id, images in rows.items():
        assert all(i.person_ids[0] == person_id for i in images)


def test_crops_of_an_lmdb_can_be_looked_at(tmp_path):
    pytest.importorskip('lmdb')
    root = more.luperson_lmdb(tmp_path)
    prepare(find_form('luperson'), root)
    items = file_items(root, 'train', None, 9, 0)
    assert [i.bboxes.tolist() for i in items] == [[[0, 0, 8, 16]]] * 3
    with pytest.raises(ValueError, match='no labelled person'):
        identity_rows(root, 'train', None, 9, 0)


def test_a_config_shows_what_training_sees(prw, monkeypatch):
    monkeypatch.setenv('DATA_ROOT', str(prw.parent))
    items = config_items(Path('configs/_base_/datasets/prw.py'), 'train', 2, 0)
    assert len(items) == 2
    assert all(min(i.image.shape[:2]) > 300 for i in items)
    with pytest.raises(ValueError, match='no odd_dataloader'):
        config_items(Path('configs/_base_/datasets/prw.py'), 'odd', 2, 0)


def test_choosing():
    assert choose(10, 3, -1) == [0, 1, 2]
    assert choose(3, 10, 5) == [0, 1, 2]
    drawn = choose(1000, 20, 1)
    assert drawn == sorted(set(drawn)) != choose(1000, 20, 2)


def test_the_tool_writes_pages_and_explains_errors(prw, tmp_path):
    main = runpy.run_path(str(TOOL))['main']
    out = ['--out', str(tmp_path / 'out'), '--per-page', '2']
    main([str(prw), *out])
    pages = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert pages == ['PRW_train_scenes_0.jpg', 'PRW_train_scenes_1.jpg']
    main([str(prw), *out, '--view', 'identities'])
    with pytest.raises((UserError, OSError), match='val.json'):
        main([str(prw), '--split', 'val', *out])
