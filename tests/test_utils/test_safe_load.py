"""Files of weights are read without running what they hold."""

import argparse
import io
import os
import random
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmdet_ps.utils.safe_load import CheckpointError, load_file, trust_file

WEIGHTS = {'layer.weight': torch.arange(4.0)}


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    """Where code out of a file would leave its mark."""
    return tmp_path / 'code-was-run'


@pytest.mark.parametrize('zipped', [True, False])
def test_code_is_refused_and_named_and_run_for_nobody_else(
    zipped, tmp_path, mark, capsys
):
    path = tmp_path / 'weights.pth'
    content = dict(state_dict=WEIGHTS, meta=Evil(mark))
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r'posix.mkdir.*--trust'):
        load_file(path)
    assert not mark.exists()
    load_file(path, trust=True)
    assert mark.exists(), 'the file of this test does what it should'
    assert '\033[31mwarning' in capsys.readouterr().err


def test_a_file_can_be_trusted_ahead(tmp_path, mark):
    path, other = tmp_path / 'a.pth', tmp_path / 'b.pth'
    for file in (path, other):
        torch.save(dict(meta=Evil(mark)), file)
    trust_file(path)
    with pytest.raises(CheckpointError, match='mkdir'):
        load_file(other)
    assert not mark.exists()
    load_file(path)
    assert mark.exists()


class Named:
    """Pickled as a call of a function with arguments."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    'part',
    [
        Named(getattr, HistoryBuffer, '__init__'),
        Named(np.dtype, 'O'),
        np.array([None, 1]),
        np.array(['text']),
        Named(eval, '1'),
        Named(torch.load, 'x'),
        Named(argparse.ArgumentParser),
    ],
    ids=['getattr', 'dtype', 'objects', 'text', 'eval', 'load', 'parser'],
)
def test_what_could_lead_to_code_comes_to_nothing(part, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=WEIGHTS, part=part), path)
    try:
        part = load_file(path)['part']
    except CheckpointError:
        return
    assert isinstance(part, str), 'the name of an attribute, never itself'


def test_what_checkpoints_of_mmengine_hold_comes_back(tmp_path):
    path = tmp_path / 'weights.pth'
    history = HistoryBuffer([1.0, 2.0, 6.0], [1, 1, 2])
    weights = torch.nn.Linear(1, 1).state_dict()
    random.seed(1)
    content = dict(
        state_dict=weights,
        message_hub=dict(log_scalars=dict(loss=history)),
        numbers=(np.float64(0.5), np.int64(3), np.bool_(True)),
        arrays=[
            np.arange(6, dtype=dtype).reshape(2, 3).T
            for dtype in ('<f4', '>i8', 'u1', 'c8')
        ],
        random=random.getstate(),
        numpy_random=np.random.get_state(),
        options=argparse.Namespace(seed=3),
    )
    torch.save(content, path)
    loaded = load_file(path)
    again = loaded['message_hub']['log_scalars']['loss']
    assert type(again) is HistoryBuffer
    assert again.mean() == history.mean() and again.current() == 6
    assert loaded['numbers'] == content['numbers']
    assert type(loaded['numbers'][0]) is np.float64
    for ours, theirs in zip(loaded['arrays'], content['arrays']):
        assert ours.dtype == theirs.dtype and (ours == theirs).all()
    assert loaded['random'] == content['random']
    np.random.set_state(loaded['numpy_random'])
    assert loaded['options'].seed == 3
    assert loaded['state_dict']._metadata == weights._metadata
    torch.save(loaded, path)  # as a run that goes on does
    assert load_file(path)['numbers'] == content['numbers']


def test_arrays_load_where_pytorch_does_not_admit_bytes(tmp_path, monkeypatch):
    unpickler = torch._weights_only_unpickler
    admitted = dict(unpickler._get_allowed_globals())
    admitted.pop('_codecs.encode', None)  # as before PyTorch 2.5
    monkeypatch.setattr(unpickler, '_get_allowed_globals', lambda: admitted)
    path = tmp_path / 'weights.pth'
    array = np.arange(250, 260, dtype='<u2')
    torch.save(dict(state_dict=WEIGHTS, array=array), path)
    assert (load_file(path)['array'] == array).all()


def test_what_others_admit_is_neither_used_nor_lost(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(dict(part=Named(getattr, HistoryBuffer, 'mean')), path)
    torch.serialization.add_safe_globals([getattr, HistoryBuffer])
    try:
        assert load_file(path)['part'] == 'mean'
        assert getattr in torch.serialization.get_safe_globals()
    finally:
        torch.serialization.clear_safe_globals()


def as_tar(content):
    """A tar archive with one file, as the oldest PyTorch wrote."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        member = tarfile.TarInfo('\x80\x02storages')
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def as_zip(name):
    """A zip archive of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        archive.writestr(name, b'content')
    return buffer.getvalue()


def saved(**options):
    """The bytes of a file of weights."""
    buffer = io.BytesIO()
    torch.save(dict(state_dict=WEIGHTS), buffer, **options)
    return buffer.getvalue()


LEGACY = dict(_use_new_zipfile_serialization=False)
# What a file may be instead of one of weights, and what is said of it.
WRONG_FILES = {
    'page': (b'\n<!DOCTYPE html><html>404</html>', 'is a web page'),
    'error': (b'<?xml version="1.0"?><Error/>', 'is a web page'),
    'pointer': (
        b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n',
        'git lfs pull',
    ),
    'empty': (b'', r'is empty \(0 bytes\)'),
    'cut': (saved()[:-100], r'is cut off after \d+ bytes'),
    'half': (saved()[:200], r'is cut off after 200 bytes'),
    'legacy-cut': (saved(**LEGACY)[:-20], 'is damaged'),
    'legacy-half': (saved(**LEGACY)[:90], 'is damaged'),
    'text': (b'no weights', 'is no file of PyTorch'),
    'json': (b'{"message": "not found"}', 'is no file of PyTorch'),
    'gzip': (b'\x1f\x8b' + b'0' * 99, 'compressed archive; unpack'),
    'tar': (as_tar(b'x' * 99), 'tar archive; unpack'),
    'zip': (as_zip('weights.pth'), 'zip archive; unpack'),
    'script': (as_zip('model/constants.pkl'), 'TorchScript'),
}


@pytest.mark.parametrize('name', WRONG_FILES)
def test_what_is_no_file_of_weights_is_named_with_the_remedy(name, tmp_path):
    content, message = WRONG_FILES[name]
    path = tmp_path / 'weights.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        load_file(path)
    assert str(error.value).startswith(f'{path}: ')
    assert '--trust' not in str(error.value)
    assert '\n' not in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(CheckpointError, match='no such file'):
        load_file(tmp_path / 'none.pth')
    with pytest.raises(CheckpointError, match='is a folder'):
        load_file(tmp_path)


def test_damaged_files_end_in_a_word_whatever_byte_is_wrong(tmp_path):
    """Every cut and many changed bytes: an error of ours, or weights."""
    path = tmp_path / 'weights.pth'
    generator = random.Random(0)
    content = saved(**LEGACY)
    for number in range(120):
        damaged = bytearray(content[: generator.randrange(len(content))])
        if number % 2:
            damaged = bytearray(content)
            for _ in range(3):
                at = generator.randrange(len(damaged))
                damaged[at] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            load_file(path)
        except CheckpointError as error:
            assert str(path) in str(error)
