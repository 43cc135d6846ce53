import json
import os
import subprocess
import sys
from pathlib import Path

from lab.run_queue import (
    Run,
    RunQueue,
    current_commit,
    environment_of_runs,
    steps_of,
)

COUNT = """
import pathlib, sys
pathlib.Path(sys.argv[1]).open('a').write(sys.argv[2])
"""


def counted(tmp_path, name, needs=(), mark='x'):
    command = [sys.executable, '-c', COUNT, str(tmp_path / name), mark]
    return Run(name, [command], needs)


def queue(tmp_path):
    return RunQueue(tmp_path / 'queue', tmp_path, notes=dict(commit='abc'))


def test_runs_are_done_once(tmp_path):
    runs = [counted(tmp_path, 'a'), counted(tmp_path, 'b', needs=['a'])]
    for expected in ({'a', 'b'}, set()):
        done, one = [], queue(tmp_path)
        assert one.execute(runs, 2, done.append) == []
        assert done == runs and one.ran == expected
        assert one.finished['a']['commit'] == 'abc'
    assert (tmp_path / 'a').read_text() == 'x'

    one.forget('a')
    assert queue(tmp_path).execute(runs) == []
    assert (tmp_path / 'a').read_text() == 'xx'
    assert (tmp_path / 'b').read_text() == 'x'


def test_other_settings_are_not_mixed_up(tmp_path, capsys):
    queue(tmp_path).execute([counted(tmp_path, 'a')])
    failures = queue(tmp_path).execute([counted(tmp_path, 'a', mark='y')])
    assert len(failures) == 1 and 'other settings' in failures[0]
    assert failures[0] in capsys.readouterr().out
    assert (tmp_path / 'a').read_text() == 'x'


def test_a_failed_run_stops_only_those_that_need_it(tmp_path, capsys):
    script = 'print("why it failed"); raise SystemExit(3)'
    bad = Run('bad', [[sys.executable, '-c', script]])
    one = queue(tmp_path)
    failures = one.execute(
        [
            bad,
            counted(tmp_path, 'child', needs=['bad']),
            counted(tmp_path, 'other'),
        ],
        2,
    )
    assert len(failures) == 1
    assert 'exit status 3' in failures[0] and 'bad.log' in failures[0]
    assert 'why it failed' in capsys.readouterr().out
    assert one.ran == {'other'} and not (tmp_path / 'child').exists()
    # What failed is tried again by the next call.
    one = queue(tmp_path)
    assert one.execute([counted(tmp_path, 'bad')]) == []
    assert one.ran == {'bad'}


def test_long_runs_say_how_far_they_are(tmp_path, capsys):
    script = (
        'import time; print("Iter(train) [  20/300] [ 40/300]", flush=True); '
        'time.sleep(1.5)'
    )
    one = RunQueue(tmp_path, tmp_path, say_every=0.5)
    assert one.execute([Run('slow', [[sys.executable, '-c', script]])]) == []
    assert 's  40/300\n' in capsys.readouterr().out
    (tmp_path / 'empty').touch()
    assert steps_of(tmp_path / 'empty') == ''


def test_the_environment_of_a_run_goes_over_the_queues(tmp_path):
    script = (
        'import json, os; '
        'json.dump([os.environ["A"], os.environ["B"]], open("seen", "w"))'
    )
    one = RunQueue(tmp_path, tmp_path, environment=dict(A='1', B='1'))
    command = [sys.executable, '-c', script]
    assert one.execute([Run('a', [command], environment=dict(B='2'))]) == []
    assert json.loads((tmp_path / 'seen').read_text()) == ['1', '2']


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    assert current_commit(tmp_path) == 'unknown'


def test_a_commit_with_changed_files_is_marked(tmp_path):
    assert current_commit(tmp_path) == 'unknown'
    code = tmp_path / 'mmdet_ps/code.py'
    code.parent.mkdir()
    code.write_text('1')
    user = ['-c', 'user.name=a', '-c', 'user.email=a@b']
    for command in (
        ['init', '-q'], ['add', '.'], [*user, 'commit', '-qm', 'first']
    ):  # fmt: skip
        subprocess.run(['git', *command], cwd=tmp_path, check=True)
    commit = current_commit(tmp_path)
    assert len(commit) == 12
    code.write_text('2')
    assert current_commit(tmp_path) == commit + '+'


def test_runs_use_the_code_of_the_repository_and_find_the_data(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', 'other')
    found = environment_of_runs(tmp_path, Path('data'), 3)
    assert found['DATA_ROOT'] == str(tmp_path / 'data')
    assert found['PYTHONPATH'] == f'{tmp_path}{os.pathsep}other'
    assert found['OMP_NUM_THREADS'] == found['MKL_NUM_THREADS'] == '3'
