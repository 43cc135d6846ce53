"""Listing folders: nothing is lost in silence, nothing hidden is taken."""

import os
import pickle
import shutil

import pytest

from mmdet_ps.datasets.annotation_file import load_crops
from mmdet_ps.datasets.native import NativeDataError, find_form
from mmdet_ps.datasets.native.prepare import format_report, prepare

from .. import more_native_trees as more
from .. import native_trees as trees


def left_out(report):
    return {
        note.what: note.count
        for note in report.notes
        if note.treatment == 'left out'
    }


def rename_all(folder, suffix):
    for path in sorted(folder.rglob('*.jpg')):
        path.rename(path.with_suffix(suffix))


@pytest.mark.parametrize('suffix', ['.jpeg', '.JPG', '.webp'])
def test_crops_of_any_suffix_are_taken(tmp_path, suffix):
    root = trees.market1501(tmp_path)
    before = prepare(find_form('market1501'), root, dry_run=True).found
    rename_all(root, suffix)
    assert prepare(find_form('market1501'), root).found == before


def test_files_of_crops_of_any_suffix_are_taken(tmp_path):
    root = more.luperson_files(tmp_path)
    for path in sorted(root.rglob('*.jpg'))[:1]:
        shutil.copy(path, path.with_suffix('.jpeg'))
        shutil.copy(path, path.with_name(f'._{path.name}'))
    report = prepare(find_form('luperson'), root)
    assert report.found['train images'] == 3
    assert left_out(report) == {'hidden file': 1}


def test_what_is_left_out_is_counted_by_reason(tmp_path):
    root = trees.market1501(tmp_path)
    folder = root / 'bounding_box_train'
    for path in sorted(folder.glob('*.jpg')):
        shutil.copy(path, path.with_name(f'._{path.name}'))
    (folder / 'notes.gif').write_bytes(b'')
    (folder / '0009_c1.jpg').mkdir()
    report = prepare(find_form('market1501'), root)
    assert report.found['train images'] == 3
    counts = {
        note.what: note.count
        for note in report.notes
        if note.where.startswith(str(folder))
    }
    assert counts == {
        'hidden file': 3,
        'file of another kind': 2,  # notes.gif and Thumbs.db
        'folder or broken link named like a file': 1,
    }
    assert '3 x hidden file: left out' in format_report(report)


def test_hidden_label_files_are_no_labels(tmp_path):
    root = more.eurocity(tmp_path)
    label = root / 'day/labels/train/bonn/bonn_00001.json'
    label.with_name(f'._{label.name}').write_bytes(b'\0\5\26\7')
    report = prepare(find_form('eurocity'), root)
    assert report.found['train images'] == 2
    assert left_out(report) == {'hidden file': 1}


@pytest.mark.parametrize(('name', 'tree', 'folder'), [
    ('luperson', more.luperson_files, 'de/bonn'),
    ('eurocity', more.eurocity, 'day/labels/train/bonn'),
    ('market1501', trees.market1501, 'query'),
])  # fmt: skip
def test_links_to_folders_are_folders(tmp_path, name, tree, folder):
    root = tree(tmp_path / 'root')
    before = prepare(find_form(name), root, dry_run=True).found
    (root / folder).rename(tmp_path / 'elsewhere')
    (root / folder).symlink_to(tmp_path / 'elsewhere')
    assert prepare(find_form(name), root, dry_run=True).found == before


def test_a_link_in_a_circle_is_entered_once(tmp_path):
    root = more.luperson_files(tmp_path)
    (root / 'de/all').symlink_to(root)
    (root / 'us/again').symlink_to(root / 'us')
    report = prepare(find_form('luperson'), root)
    assert report.found['train images'] == 2


@pytest.mark.parametrize('folder', ['cropped_images', 'cropped_image'])
def test_crops_of_cuhk_sysu_in_either_packing(tmp_path, folder):
    for name in ('p00001_n01_s00001_hard0', 'p00001_n02_s00002_hard1',
                 'p00007_n01_s00002_hard0'):  # fmt: skip
        trees.save_image(tmp_path / folder / f'{name}.png', 8, 16)
    report = prepare(find_form('cuhk-sysu-crops'), tmp_path)
    assert report.found == {'train images': 3, 'train ids': 2}


def test_a_strange_name_among_the_crops_is_named(tmp_path):
    root = more.cuhk_sysu_crops(tmp_path)
    trees.save_image(root / 'cropped_images/portrait.jpg')
    with pytest.raises(NativeDataError, match='holds 1 names like portrait'):
        prepare(find_form('cuhk-sysu-crops'), root)


@pytest.mark.parametrize(('name', 'tree', 'folder'), [
    ('market1501', trees.market1501, b'query/'),
    ('luperson', more.luperson_files, b'de/bonn/v0/'),
])  # fmt: skip
def test_a_name_that_is_no_utf8_is_kept(tmp_path, name, tree, folder):
    root = tree(tmp_path)
    odd = os.fsencode(root) + b'/' + folder + b'0003_c1s1_\xfc.jpg'
    shutil.copy(next(root.rglob('*.jpg')), odd)
    report = prepare(find_form(name), root)
    format_report(report).encode('utf-8', 'backslashreplace')
    if name == 'luperson':
        _, crops = load_crops(str(root / 'prepared/train.json'))
        names = [crops.name(k) for k in range(len(crops))]
        assert all((root / name).is_file() for name in names)
        assert len(names) == 3


def test_keys_without_their_database_are_an_error(tmp_path):
    pytest.importorskip('lmdb')
    root = more.luperson_lmdb(tmp_path)
    (root / 'lmdb/data.mdb').rename(root / 'elsewhere.mdb')
    with pytest.raises(NativeDataError, match='the LMDB of its 3 keys is mis'):
        prepare(find_form('luperson'), root)


@pytest.mark.parametrize('keys', [
    [*more.LUPERSON_KEYS, 'one_more'],
    [*more.LUPERSON_KEYS[:2], 'another'],
])  # fmt: skip
def test_keys_of_another_database_are_an_error(tmp_path, keys):
    pytest.importorskip('lmdb')
    root = more.luperson_lmdb(tmp_path)
    (root / 'lmdb/keys.pkl').write_bytes(pickle.dumps(keys))
    with pytest.raises(NativeDataError, match=f'holds 3, not {keys[-1]}'):
        prepare(find_form('luperson'), root)
