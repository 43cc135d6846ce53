"""How commands end: a mistake is one line, a bug is a traceback."""

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_ps.datasets.native.errors import NativeDataError
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    number,
    one_line,
    run_command,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.errors import UserError

TOOLS = Path(__file__).parents[2] / 'tools'


def end_of(error, capsys):
    """Exit status and stderr of a command that raises."""

    def main():
        raise error

    with pytest.raises(SystemExit) as stop:
        run_command(main)
    return stop.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    'error, line',
    [
        (UserError('a.pth: empty;\n  get it again'), 'a.pth: empty; get it'),
        (FileNotFoundError(errno.ENOENT, 'No such file', 'x.json'), 'x.json:'),
        (OSError(errno.ENOSPC, 'No space left', 'x.json'), 'free some space'),
        (OSError(errno.EROFS, 'Read-only', 'x.json'), 'can be written to'),
        (PermissionError(errno.EACCES, 'Denied', 'x.json'), 'permissions'),
        (FileNotFoundError('data: missing'), 'data: missing'),
        (KeyboardInterrupt(), 'interrupted'),
        (MemoryError(), 'out of memory'),
        (
            ImportError('libGL.so.1: cannot open shared object file: No'),
            'lacks the library libGL.so.1',
        ),
    ],
)
def test_a_mistake_is_one_line(error, line, capsys):
    status, text = end_of(error, capsys)
    assert status == 1
    assert text.startswith('error: ') and text.count('\n') == 1
    assert line in text


@pytest.mark.parametrize(
    'error', [KeyError('x'), ValueError('y'), ImportError('No module a')]
)
def test_a_bug_is_a_traceback_with_the_request_to_report_it(error, capsys):
    status, text = end_of(error, capsys)
    assert status == 1
    assert text.startswith('Traceback') and 'check_env.py' in text
    assert 'error: ' not in text.splitlines()[0]


def test_the_status_of_main_is_kept():
    for given, expected in ((None, 0), (0, 0), (2, 2)):
        with pytest.raises(SystemExit) as stop:
            run_command(lambda given=given: given)
        assert stop.value.code == expected


def test_the_traceback_of_a_mistake_can_be_asked_for(capsys, monkeypatch):
    monkeypatch.setenv('MMDET_PS_TRACEBACK', '1')
    status, text = end_of(UserError('wrong'), capsys)
    assert 'Traceback' in text and text.endswith('error: wrong\n')


def test_a_mistake_found_by_a_loading_worker_is_its_last_line():
    torch_words = (
        'Caught UserError in DataLoader worker process 0.\n'
        'Original Traceback (most recent call last):\n  File "x", line 3\n'
        'mmdet_ps.utils.errors.UserError: a.jpg: damaged\n'
    )
    assert one_line(UserError(torch_words)) == 'a.jpg: damaged'


def test_a_wrong_option_is_one_line_with_the_nearest_one():
    parser = ArgumentParser(prog='train.py')
    parser.add_argument('--load-from')
    parser.add_argument('--seed', type=int)
    with pytest.raises(UserError, match=r'did you mean --load-from\?.*--help'):
        parser.parse_args(['--lod-from', 'x'])
    with pytest.raises(UserError, match='--seed: invalid int value: .*--help'):
        parser.parse_args(['--seed', 'x'])


def test_output_that_nobody_reads_or_no_disk_takes_is_one_line(tmp_path):
    script = tmp_path / 'tool.py'
    script.write_text(
        'from mmdet_ps.utils.command_line import run_command\n'
        'run_command(lambda: print("x" * 100000))\n'
    )
    reader, writer = os.pipe()
    os.close(reader)
    ends = [writer]
    if os.path.exists('/dev/full'):
        ends.append(os.open('/dev/full', os.O_WRONLY))
    for out in ends:
        done = subprocess.run(
            [sys.executable, script], stdout=out, stderr=subprocess.PIPE
        )
        os.close(out)
        text = done.stderr.decode()
        assert done.returncode == 1
        assert text.startswith('error: ') and text.count('\n') == 1


def test_an_error_of_a_native_file_crosses_processes_whole():
    error = NativeDataError('PRW/x.mat', 'no box_new', 'fetch it again')
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.path, copy.problem) == (error.path, error.problem)
    # PyTorch makes it anew from the text of the worker's traceback.
    assert one_line(NativeDataError(str(error))) == str(error)


@pytest.mark.parametrize(
    'tool',
    sorted(
        path.relative_to(TOOLS).as_posix()
        for path in TOOLS.rglob('*.py')
        if "\nif __name__ == '__main__'" in path.read_text()
    ),
)
def test_every_tool_ends_by_the_same_function(tool):
    source = (TOOLS / tool).read_text()
    if tool == 'check_env.py':  # must work where nothing can be imported
        assert 'class Parser' in source
        return
    assert source.endswith(
        "if __name__ == '__main__':\n    run_command(main)\n"
    )
    assert 'argparse.ArgumentParser(' not in source


@pytest.mark.parametrize(
    ('kind', 'good', 'bad'),
    [
        (whole_number(1), ['1', '12'], ['0', '-1', '1.5', 'x', '']),
        (whole_number(0, 9), ['0', '9'], ['10']),
        (number(), ['-2.5', '1e3'], ['nan', 'inf', 'x']),
        (number(0, 1), ['0', '0.5', '1'], ['-0.1', '1.01']),
        (seed_number, ['0', '4294967295'], ['-1', '4294967296']),
    ],
)
def test_numbers_are_held_to_their_bounds(kind, good, bad):
    parser = ArgumentParser()
    parser.add_argument('--it', type=kind)
    for text in good:
        assert parser.parse_args([f'--it={text}']).it == float(text)
    for text in bad:
        with pytest.raises(UserError, match=f'--it: {text} is not a'):
            parser.parse_args([f'--it={text}'])
