"""The reader of pickles runs nothing and builds nothing but numbers."""

import collections
import io
import pickle
import pickletools
import subprocess
import sys

import numpy as np
import pytest

from mmdet_ps.evaluation import safe_pickle
from mmdet_ps.evaluation.safe_pickle import UnsafePickleError, load_numbers
from mmdet_ps.utils.errors import UserError

from .test_results_file import rows, write

ARRAYS = [
    rows(3),
    rows(3).astype('>f8'),
    np.asfortranarray(rows(4)),
    rows(4)[::2, 1:3],
    np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
    np.array(7),
    np.array([True, False]),
    np.array(['a', 'été', '\U0001f600']),
    np.array([b'x', b'yz']),
    rows(0),
    np.float32(0.5),
    np.int64(-3),
    np.str_('é'),
]


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_numbers_come_back(tmp_path, protocol):
    shared = rows(2)
    content = dict(
        arrays=ARRAYS,
        shared=(shared, [shared]),
        plain=[None, True, 3, -(2**40), 0.5, 'text', {'a': {}}],
        ordered=collections.OrderedDict(b=1, a=2),
        raw=bytearray(b'ab'),
    )
    found = load_numbers(write(tmp_path / 'r.pkl', content, protocol))
    for wanted, got in zip(ARRAYS, found['arrays'], strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype.newbyteorder('=')
        assert type(got) is type(wanted)
    first, (second,) = found['shared']
    assert first is second
    first += 1  # an array of its own
    assert found['plain'] == content['plain']
    assert list(found['ordered']) == ['b', 'a']
    assert found['raw'] == b'ab'


def test_files_of_python_2_are_read(tmp_path):
    # What Python 2 wrote for np.arange(3, dtype='<u2'): the content is a str.
    path = tmp_path / 'old.pkl'
    path.write_bytes(
        b'\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n'
        b'K\x00\x85U\x01b\x87R(K\x01K\x03\x85cnumpy\ndtype\nU\x02u2K\x00'
        b'K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK'
        b'\x00tb\x89U\x06\x00\x00\x01\x00\x02\x00tb.'
    )
    found = load_numbers(path)
    assert found.dtype == np.uint16 and found.tolist() == [0, 1, 2]


class Harm:
    def __reduce__(self):
        return (print, ('a pickle ran code',))


def test_nothing_is_run(tmp_path, capsys):
    for number, content in enumerate(
        [[[rows(1)], Harm()], {'header': Harm()}, Harm()]
    ):
        path = write(tmp_path / f'{number}.pkl', content)
        with pytest.raises(UnsafePickleError, match='refused.*print'):
            load_numbers(path)
    assert 'a pickle ran code' not in capsys.readouterr().out


@pytest.mark.parametrize(
    'payload',
    [
        b'cos\nsystem\n(S"true"\ntR.',
        b'cnumpy\nload\n(S"x"\ntR.',
        b'c_codecs\nencode\n(S"x"\nS"rot13"\ntR.',
        b'cnumpy.core.multiarray\nfromstring\n(S"x"\ntR.',
        b'cbuiltins\neval\n(S"1"\ntR.',
        b'cbuiltins\ngetattr\n(S"1"\ntR.',
    ],
)
def test_known_tricks(tmp_path, payload):
    pickletools.dis(payload, out=io.StringIO())  # well formed
    path = tmp_path / 'trick.pkl'
    path.write_bytes(payload)
    with pytest.raises(UnsafePickleError):
        load_numbers(path)


ENCODE = b'c_codecs\nencode\n'
NDARRAY = b'cnumpy\nndarray\n'
ROT13 = b'X\x05\0\0\0rot13'
DEFAULTS = b'X\x0c\0\0\0__defaults__'
# What is tried -> the file, and what is said of it.
REFUSED = {
    'an attribute of an admitted function': (
        ENCODE + b'}X\x08\0\0\0encoding' + ROT13 + b'sN\x86b.',
        'changes the state of a function'),
    'the defaults of an admitted function': (
        ENCODE + b'N}' + DEFAULTS + ROT13 + b'\x85s\x86b.',
        'changes the state of a function'),
    'the defaults of a function of numpy': (
        b'cnumpy.core.numeric\n_frombuffer\nN}' + DEFAULTS + b')s\x86b.',
        'changes the state of a function'),
    'the state of a class': (NDARRAY + b'}b.', 'changes the state'),
    'the state of a dict': (b'}}b.', 'changes the state of a dict'),
    'an object': (NDARRAY + b')\x81.', 'makes objects'),
    'an instance': (b'(' + NDARRAY + b'o.', 'makes objects'),
    'a persistent object': (b'Pname\n.', 'makes objects'),
    'a set': (b'\x80\x04\x8f.', 'makes objects'),
    'an array without content': (
        NDARRAY + b'J\xff\xff\xff\x7f\x85R.', 'without content'),
    'zeros without end': (
        b'cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.',
        'a bytearray of something else'),
    'bytes without end': (
        b'cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.', 'TypeError'),
    'a call of a tuple': (b'))R.', 'calls something that is no function'),
    'a tuple as a key': (b'}))s.', 'a tuple is a key'),
    'a tuple as a key among others': (b'}())u.', 'a tuple is a key'),
    'a tuple as a key from the start': (b'())d.', 'a tuple is a key'),
    'a tuple as a key of another dict': (
        b'ccollections\nOrderedDict\n]))\x86a\x85R.', 'a tuple is a key'),
    'an array as a key': (
        b'\x80\x02}' + pickle.dumps(rows(1), protocol=2)[2:-1] + b'Ns.',
        'a _Pending is a key'),
    'a function as content': (ENCODE + b'.', 'holds a function'),
    'an unfinished array': (
        b'cnumpy.core.multiarray\n_reconstruct\n' + NDARRAY
        + b'K\x00\x85C\x01b\x87R.', 'an unfinished array'),
    'an array of a class': (
        b'cnumpy.core.multiarray\n_reconstruct\ncbuiltins\nbytes\n'
        b'K\x00\x85C\x01b\x87R.', 'a class of its own'),
    'an array of objects': (
        pickle.dumps(np.array([None, 'x'])), "an array of type 'O8'"),
    'an array of records': (
        pickle.dumps(np.zeros(2, 'f4,i4')), "an array of type 'V8'"),
    'an array of dates': (
        pickle.dumps(np.array(['2020-01-01'], 'M8[D]')), "type 'M8'"),
    'an array of complex numbers': (
        pickle.dumps(np.zeros(2, 'c8')), "an array of type 'c8'"),
    'half a character': (pickle.dumps('\udc80'), 'UnicodeEncodeError'),
    'an integer without end': (pickle.dumps(1 << 200), 'more than 64 bits'),
    'a list in itself': (b']\x940h\x00h\x00a.', 'holds itself'),
    'bytes beyond the file': (b'B\xff\xff\xff\xffabc.', 'not a pickle'),
    'a longer bytearray than the file': (
        b'\x80\x05\x96\0\0\0\0\0\x10\0\0ab.', 'not a pickle'),
}  # fmt: skip


@pytest.mark.parametrize('what', REFUSED)
def test_what_no_file_of_numbers_needs_is_refused(tmp_path, what):
    content, message = REFUSED[what]
    path = tmp_path / 'r.pkl'
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_numbers(path)
    assert str(path) in str(caught.value)
    for function in safe_pickle._FUNCTIONS:
        assert not function.__dict__
    assert safe_pickle._latin1_bytes.__defaults__ == ('latin1',)
    assert safe_pickle._frombuffer.__defaults__ is None


@pytest.mark.parametrize('points', [0x110000, 0xFFFFFFFF, 0xD800])
def test_texts_are_made_of_characters(tmp_path, points):
    data = pickle.dumps(np.array(['abc']), protocol=4)
    raw = np.array([ord('b')], '<u4').tobytes()
    assert data.count(raw) == 1
    path = tmp_path / 'r.pkl'
    path.write_bytes(data.replace(raw, np.array([points], '<u4').tobytes()))
    with pytest.raises(UserError, match='no characters'):
        load_numbers(path)


DEEP = 300_000
# What is nested -> the file, and what is said of it.
NESTED = {
    'tuples in a key': b'})' + b'\x85' * DEEP + b'Ns.',
    'tuples in a value': b'}X\x01\0\0\0a)' + b'\x85' * DEEP + b's.',
    'lists': b']' * DEEP + b'a' * (DEEP - 1) + b'.',
    'dicts': b'}N' * DEEP + b'Ns' + b's' * (DEEP - 1) + b'.',
}  # fmt: skip


@pytest.mark.parametrize('what', NESTED)
def test_deep_nesting_does_not_end_the_process(tmp_path, what):
    path = tmp_path / 'deep.pkl'
    path.write_bytes(NESTED[what])
    # In a process of its own: what is tried here is whether it survives.
    code = f"""
from mmdet_ps.evaluation.safe_pickle import load_numbers
from mmdet_ps.utils.errors import UserError
try:
    load_numbers({str(path)!r})
except UserError:
    print('refused')
"""
    found = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (0, 'refused\n'), found.stderr


def test_what_is_shared_is_looked_at_once(tmp_path):
    # Pairs of the same pair, 30 times: 2 ** 30 ways lead to the innermost.
    pairs = b''.join(b'h%ch%c\x86\x94' % (k, k) for k in range(30))
    path = tmp_path / 'shared.pkl'
    path.write_bytes(b')\x94' + pairs + b'.')
    found = load_numbers(path)
    for _ in range(30):
        first, second = found
        assert first is second
        found = first
