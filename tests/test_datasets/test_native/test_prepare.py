"""One command: what it reuses, what it leaves alone, what it exits with."""

import errno
import json
import os
import runpy
import sys
from pathlib import Path

import pytest

from mmdet_ps.datasets.native import Note, find_form
from mmdet_ps.datasets.native.prepare import (
    format_report,
    how_to_find,
    prepare,
)
from mmdet_ps.datasets.native.registry import FORMS
from mmdet_ps.utils.command_line import run_command
from mmdet_ps.utils.errors import UserError

from .. import native_trees as trees
from ..more_native_trees import mot_sequence

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(capsys, monkeypatch):
    """The command in this process: (exit status, output, errors)."""
    tool = runpy.run_path(str(ROOT / 'tools/prepare_data.py'))

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['prepare', *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run_command(tool['main'])
        return ended.value.code, *capsys.readouterr()

    return call


def test_finished_output_is_reused_until_a_source_changes(tmp_path):
    root = trees.prw(tmp_path / 'PRW')
    first = prepare(find_form('prw'), root)
    written = (root / 'prepared/train.json').stat().st_mtime_ns
    second = prepare(find_form('prw'), root)
    assert second.reused and not first.reused
    assert (second.found, second.notes) == (first.found, first.notes)
    assert (root / 'prepared/train.json').stat().st_mtime_ns == written
    os.utime(root / 'frames/c1s1_000101.jpg', (1, 1))
    assert not prepare(find_form('prw'), root).reused
    (root / 'prepared/test.json').unlink()
    assert not prepare(find_form('prw'), root).reused
    (root / 'prepared/report.json').write_text('{')
    assert not prepare(find_form('prw'), root).reused
    assert prepare(find_form('prw'), root).reused


def test_dry_run_and_verify_only_write_nothing(tmp_path):
    root = trees.prw(tmp_path)
    for options in (dict(dry_run=True), dict(verify_only=True)):
        report = prepare(find_form('prw'), root, **options)
        assert report.found['train ids'] == 3
        assert not (root / 'prepared').exists()
    (root / 'frames/c1s1_000101.jpg').unlink()
    prepare(find_form('prw'), root, dry_run=True)  # touches no image


def test_workers_change_nothing(tmp_path, monkeypatch):
    root = trees.prw(tmp_path)
    for k in range(70):  # enough to make worker processes worth their while
        trees.save_image(root / f'frames/c4s1_{k:06}.jpg')
        monkeypatch.setitem(trees.PRW_TEST, f'c4s1_{k:06}', [[-2, 5, 5, 9, 9]])
    again = trees.prw(tmp_path / 'again')
    results = [
        prepare(find_form('prw'), again, tmp_path / f'out{n}', workers=n)
        for n in (1, 2)
    ]
    assert results[0].found == results[1].found
    files = [tmp_path / f'out{n}/test.json' for n in (1, 2)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_command_reports_and_exits_with_a_status(tmp_path, run):
    root = trees.prw(tmp_path / 'PRW')
    status, output, _ = run('PRW', root)
    assert status == 0
    lines = [line.split() for line in output.splitlines()]
    assert ['train', 'ids', '3', '483', 'differs'] in lines
    assert 'written:' in output
    assert 'unchanged, reused' in run('prw', root)[1]
    assert run('prw', root, '--verify-only')[0] == 2
    assert run('prw', root, '--strict')[0] == 2
    status, _, errors = run('prw', tmp_path)
    assert status == 1
    assert errors.startswith(f'error: {tmp_path}/ID_train.mat: file missing')
    assert errors.count('\n') == 1


def test_the_command_finds_all_sets_below_a_folder(tmp_path, run):
    trees.prw(tmp_path / 'PRW')
    trees.market1501(tmp_path / 'Market-1501-v15.09.15')
    assert run('all', tmp_path, '--out', tmp_path / 'out')[0] == 0
    assert (tmp_path / 'out/PRW/train.json').is_file()
    assert (tmp_path / 'out/Market-1501-v15.09.15/train.json').is_file()
    status, _, errors = run('all', tmp_path / 'PRW')
    assert status == 1
    assert 'holds no dataset; looked for' in errors


def test_a_damaged_set_does_not_keep_the_others_from_being_prepared(
    tmp_path, run
):
    trees.prw(tmp_path / 'PRW')
    trees.market1501(tmp_path / 'Market-1501-v15.09.15')
    trees.crowdhuman(tmp_path / 'CrowdHuman')
    (tmp_path / 'PRW/ID_train.mat').write_bytes(b'')
    (tmp_path / 'CrowdHuman/Images/1,a.jpg').unlink()
    status, output, errors = run('all', tmp_path)
    assert status == 1
    assert (tmp_path / 'Market-1501-v15.09.15/prepared/train.json').is_file()
    assert output.startswith('market1501  ')
    lines = errors.splitlines()
    assert [line.split(':')[0] for line in lines] == ['error', 'error']
    assert 'ID_train.mat: not readable' in lines[0]
    assert '1 of 2 images of the train set missing' in lines[1]
    assert run('all', tmp_path, '--skip-missing')[0] == 1
    assert (tmp_path / 'CrowdHuman/prepared/train.json').is_file()


def test_an_option_reaches_the_sets_that_offer_it(tmp_path, run):
    rows = [[frame, 1, 10, 10, 20, 60, 1] for frame in range(1, 5)]
    mot_sequence(tmp_path / 'MOT17/a', rows, range(1, 5))
    trees.prw(tmp_path / 'PRW')
    status, _, errors = run('all', tmp_path, '--option', 'train_share=1')
    assert (status, errors) == (0, '')
    train = json.loads((tmp_path / 'MOT17/prepared/train.json').read_text())
    assert len(train['data_list']) == 4
    assert (tmp_path / 'PRW/prepared/train.json').is_file()


def test_all_sets_keep_the_options_they_were_prepared_with(tmp_path, run):
    rows = [[frame, 1, 10, 10, 20, 60, 1] for frame in range(1, 5)]
    root = tmp_path / 'MOT17'
    mot_sequence(root / 'a', rows, range(1, 5))
    run('mot', root, '--option', 'train_share=1')
    assert 'unchanged, reused' in run('all', tmp_path)[1]
    # Named alone, the set is prepared as that command says.
    run('mot', root)
    train = json.loads((root / 'prepared/train.json').read_text())
    assert len(train['data_list']) == 3


@pytest.mark.parametrize('name', ['train_share', 'colour'])
def test_an_option_that_no_set_offers_is_a_mistake(tmp_path, run, name):
    trees.prw(tmp_path / 'PRW')
    status, _, errors = run('all', tmp_path, '--option', f'{name}=1')
    assert status == 1
    assert errors.startswith(f'error: --option {name}=1: no dataset below')
    assert f'option {name}; mot has split, train_share' in errors
    assert errors.count('\n') == 1
    assert not (tmp_path / 'PRW/prepared').exists()


@pytest.mark.parametrize(('name', 'known'), [
    ('market1501', 'Market-1501-v15.09.15'),
    ('dukemtmcreid', 'DukeMTMC-reID'),
    ('Crowd_Human', 'CrowdHuman'),
    ('MSMT17_V3', 'MSMT17_V1'),
    ('cuhk_sysu', 'CUHK-SYSU'),
    ('holiday', None),
])  # fmt: skip
def test_folders_of_other_names_are_named(tmp_path, run, name, known):
    trees.prw(tmp_path / 'PRW')
    (tmp_path / name).mkdir()
    (tmp_path / 'mine/prepared').mkdir(parents=True)  # by the user himself
    status, _, errors = run('all', tmp_path, '--dry-run')
    assert status == 0
    (line,) = errors.splitlines()
    assert line.startswith(f'note: {tmp_path / name}: not prepared')
    assert (f'if it is {known}, rename it or link it' in line) == bool(known)


def test_an_interrupted_write_leaves_nothing_half_done(tmp_path, monkeypatch):
    root = trees.prw(tmp_path)
    prepare(find_form('prw'), root)
    before = (root / 'prepared/train.json').read_bytes()
    os.utime(root / 'query_info.txt', (1, 1))

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, 'replace', stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(find_form('prw'), root)
    monkeypatch.undo()
    assert (root / 'prepared/train.json').read_bytes() == before
    assert not list((root / 'prepared').glob('.*'))
    assert not prepare(find_form('prw'), root).reused


def test_long_lists_of_errors_are_cut(tmp_path):
    report = prepare(find_form('prw'), trees.prw(tmp_path))
    report.notes = [
        Note('box without area', f'frame {k}', 'dropped') for k in range(9)
    ]
    text = format_report(report, examples=2)
    assert '9 x box without area: dropped' in text
    assert 'frame 1' in text and 'frame 2' not in text
    assert '... and 7 more' in text


@pytest.mark.parametrize('form', FORMS.values(), ids=lambda form: form.name)
def test_every_form_is_found_by_name_and_by_folder(form):
    assert find_form(form.name) is form
    assert find_form(form.name.upper().replace('-', '_')) is form
    for folder in form.folder.split('|'):
        assert find_form(folder) is form
        assert form.matches(f'{folder}-2')
    assert form.provenance and form.sources


def test_a_link_names_the_source(tmp_path):
    trees.crowdhuman(tmp_path / 'elsewhere')
    for name, source in (
        ('CrowdHuman', 'crowdhuman'),
        ('CrowdHuman-2', 'crowdhuman-2'),
    ):
        (tmp_path / name).symlink_to(tmp_path / 'elsewhere')
        out = tmp_path / 'out'  # the same: not reused for another source
        prepare(find_form('crowdhuman'), tmp_path / name, out)
        document = json.loads((out / 'train.json').read_text())
        assert document['metainfo']['source'] == source


def test_what_version_0_1_prepared_is_not_prepared_again(tmp_path):
    root = trees.prw(tmp_path / 'PRW')
    prepare(find_form('prw'), root)
    report = root / 'prepared/report.json'
    document = json.loads(report.read_text())
    document['stamp']['domain'] = document['stamp'].pop('source')
    report.write_text(json.dumps(document))
    assert prepare(find_form('prw'), root).reused


@pytest.mark.parametrize('number', [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_to_comes_with_the_remedy(
    number, tmp_path, monkeypatch
):
    root = trees.prw(tmp_path / 'PRW')

    def refuse(path, *args, **options):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr('mmdet_ps.datasets.native.prepare.write_split', refuse)
    with pytest.raises(UserError, match='prepare a folder of links') as error:
        prepare(find_form('prw'), root)
    text = str(error.value)
    assert text.startswith(f'{root}/prepared/') and '\n' not in text
    assert f'ln -s {root}/* data/PRW/' in text and '--out DIR' in text


def test_what_lies_elsewhere_is_found_as_the_remedy_says(tmp_path):
    native = trees.prw(tmp_path / 'readonly' / 'PRW')
    # A folder of links, prepared in place.
    links = tmp_path / 'data' / 'PRW'
    links.mkdir(parents=True)
    for path in native.iterdir():
        (links / path.name).symlink_to(path)
    report = prepare(find_form('prw'), links)
    assert 'train.json' in report.written
    assert how_to_find(links, report.out) is None
    assert not (native / 'prepared').exists()
    # Written elsewhere, and linked.
    out = tmp_path / 'elsewhere'
    prepare(find_form('prw'), native, out)
    advice = how_to_find(native, out)
    assert f'ln -s {out} {native}/prepared' in advice
    (native / 'prepared').symlink_to(out)
    assert how_to_find(native, out) is None
    assert (native / 'prepared/train.json').is_file()
