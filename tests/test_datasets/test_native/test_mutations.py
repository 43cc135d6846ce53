"""Whatever happens to the files of a dataset, the answer is one line.

Six hundred seeded mutations of every native form: bytes cut, doubled and
overwritten, values replaced by ones nobody expects, names that are no UTF-8,
headers that announce huge images. Each is read, or ends in the project's own
error; a file that ends the process by a signal ends only the one apart.
"""

import faulthandler
import multiprocessing
import os
import random
import shutil
import signal
from pathlib import Path

import pytest
from scipy.io import loadmat

from mmdet_ps.datasets.native import (
    NativeDataError,
    apart,
    find_form,
    matlab,
)
from mmdet_ps.datasets.native.prepare import prepare, prepare_here
from mmdet_ps.utils.errors import UserError

from .. import more_native_trees as more
from .. import native_trees as trees
from ..mutations import mutate

COUNT = 600
# Reading forks, and copies of a process that has imported what the other tests
# need cost six times what is looked at here.
FRESH = multiprocessing.get_context('spawn')
# name of the form, and of a variant behind the colon
TREES = {
    'cuhk-sysu': trees.cuhk_sysu,
    'prw': trees.prw,
    'posetrack21': trees.posetrack21,
    'crowdhuman': trees.crowdhuman,
    'coco-person': more.coco,
    'citypersons': more.citypersons,
    'eurocity': more.eurocity,
    'widerperson': more.widerperson,
    'market1501': trees.market1501,
    'msmt17': trees.msmt17,
    'dukemtmc': trees.market1501,
    'cuhk03': more.cuhk03,
    'luperson': more.luperson_files,
    'luperson:lmdb': more.luperson_lmdb,
    'cuhk-sysu-crops': more.cuhk_sysu_crops,
    'mot': more.mot,
}
MODULES = {'cuhk03': 'h5py', 'luperson:lmdb': 'lmdb'}


@pytest.fixture(autouse=True)
def _no_report_of_signals():
    """pytest's page-long report of a signal says nothing here."""
    enabled = faulthandler.is_enabled()
    faulthandler.disable()
    yield
    if enabled:
        faulthandler.enable()


def attempt(name: str, root: Path, seed: int, read=prepare_here) -> str:
    """Read a damaged tree; what was done to it, or '' where it went well."""
    what, undo = mutate(root, random.Random(f'{name}{seed}'))
    out = root.parent / 'out'
    try:
        read(find_form(name.split(':')[0]), root, out)
    except UserError as error:
        message = str(error)
        return what if '\n' in message or '; ' not in message else ''
    except Exception as error:
        return f'{what}: {type(error).__name__}: {error}'
    finally:
        undo()
        shutil.rmtree(out, ignore_errors=True)
    return ''


def run(sender, name: str, root: Path, seeds: range) -> None:
    # Those that it starts itself are started as they always are.
    multiprocessing.set_start_method(None, force=True)
    for seed in seeds:
        sender.send((seed, None))
        sender.send((seed, attempt(name, root, seed)))


def restore(root: Path, pristine: Path) -> None:
    """Whole files again, after a process that died in the middle of things."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root)


def survey(
    name: str, root: Path, pristine: Path, count: int
) -> tuple[dict, list[int]]:
    """Seed -> what went wrong, and the seeds that ended the process."""
    wrong, ended, first = {}, [], 0
    while first < count:
        restore(root, pristine)
        receiver, sender = FRESH.Pipe(duplex=False)
        work = sender, name, root, range(first, count)
        process = FRESH.Process(target=run, args=work)
        process.start()
        sender.close()
        try:
            while True:
                seed, outcome = receiver.recv()
                if outcome:
                    wrong[seed] = outcome
        except EOFError:
            process.join()
        if process.exitcode:
            ended.append(seed)
        first = seed + 1
    return wrong, ended


@pytest.mark.parametrize('name', TREES)
def test_every_mutation_is_read_or_one_line(name, tmp_path):
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    pristine = TREES[name](tmp_path / 'pristine')
    if name == 'cuhk03':  # unpacked images are mutated, too
        prepare_here(find_form(name), pristine, tmp_path / 'out')
    root = tmp_path / 'root'
    wrong, ended = survey(name, root, pristine, COUNT)
    assert not wrong
    for seed in ended[:3]:
        restore(root, pristine)
        assert not attempt(name, root, seed, prepare)


def end_the_process(path: str, **_) -> None:
    if path.endswith('c4s1_000069.jpg.mat'):
        os.kill(os.getpid(), signal.SIGSEGV)
    return loadmat(path, appendmat=False)


@pytest.mark.parametrize('workers', [0, 2])
def test_a_file_that_ends_the_process_is_named(tmp_path, monkeypatch, workers):
    for k in range(70):  # enough to make worker processes worth their while
        trees.save_image(tmp_path / f'frames/c4s1_{k:06}.jpg')
        monkeypatch.setitem(trees.PRW_TEST, f'c4s1_{k:06}', [[-2, 5, 5, 9, 9]])
    root = trees.prw(tmp_path)
    monkeypatch.setattr(matlab, 'loadmat', end_the_process)
    with pytest.raises(NativeDataError, match='signal 11') as caught:
        prepare(find_form('prw'), root, workers=workers)
    assert caught.value.path.endswith('annotations/c4s1_000069.jpg.mat')
    assert 'fetch it again' in str(caught.value)


def stop_by(number: int) -> None:
    apart.mark_reading('Images.mat')
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ('end', 'status', 'words'),
    [
        (stop_by, signal.SIGKILL, 'Images.mat: .*memory.*; close other'),
        (os._exit, 1, "failed; .* stands above; .*__name__ == '__main__'"),
    ],
)
def test_a_file_is_not_blamed_for_what_others_did(end, status, words):
    with pytest.raises(NativeDataError, match=words) as caught:
        apart.read_apart(end, status)
    assert 'damaged' not in str(caught.value)


def note_and_list_open_files(path: Path) -> tuple[str, list[str]]:
    apart.mark_reading(path)
    journal = os.environ[apart.VARIABLE]
    return journal, [
        os.readlink(entry)
        for entry in Path('/proc/self/fd').iterdir()
        if entry.is_symlink()
    ]


@pytest.mark.skipif(
    not os.path.isdir('/proc/self/fd'), reason='lists open files as Linux does'
)
def test_the_note_is_held_open_by_nobody(tmp_path):
    """Windows does not let a file be opened that another process holds."""
    journal, opened = apart.read_apart(note_and_list_open_files, tmp_path)
    assert opened and journal not in opened
    assert not Path(journal).parent.exists()


def test_an_error_crosses_between_processes_whole(tmp_path):
    with pytest.raises(NativeDataError) as caught:
        prepare(find_form('prw'), tmp_path)
    assert caught.value.problem == 'file missing'
    assert caught.value.path == str(tmp_path / 'ID_train.mat')
