"""The shell scripts say what is missing, under a plain POSIX shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL = shutil.which('dash') or 'sh'
SCRIPTS = {
    'run_train.sh': 'CrowdHuman',
    'run_train_alignps.sh': 'PRW',
    'run_test_roi.sh': 'CUHK-SYSU',
    'run_test_roi_prw.sh': 'PRW',
}


def run(script: str, *arguments: str, **environment: str):
    return subprocess.run(
        [SHELL, str(ROOT / script), *arguments],
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'PYTHONPATH': str(ROOT),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(('script', 'folder'), SCRIPTS.items())
def test_a_missing_dataset_is_named_with_the_command(script, folder, tmp_path):
    result = run(script, DATA_ROOT=str(tmp_path), WORK_DIR=str(tmp_path / 'w'))
    assert result.returncode != 0
    assert f'dataset {folder}' in result.stderr
    assert str(tmp_path / folder) in result.stderr
    assert 'tools/make_synthetic.py' in result.stderr
    assert 'Traceback' not in result.stderr


def test_native_files_alone_ask_for_their_preparation(tmp_path):
    (tmp_path / 'PRW').mkdir()
    result = run(
        'run_train_alignps.sh',
        DATA_ROOT=str(tmp_path),
        WORK_DIR=str(tmp_path / 'w'),
    )
    assert result.returncode != 0
    assert f'tools/prepare_data.py PRW {tmp_path}/PRW' in result.stderr


@pytest.mark.parametrize('script', SCRIPTS)
def test_help(script):
    result = run(script, '--help')
    assert result.returncode == 0
    assert f'usage: sh {script}' in result.stdout


def test_more_gpus_than_found_are_refused():
    result = run('run_train.sh', '64')
    assert result.returncode != 0
    assert '64 GPUs asked for' in result.stderr


def test_an_unknown_configuration_is_named():
    result = run('run_test_roi.sh', 'configs/nothing.py')
    assert result.returncode != 0
    assert 'configs/nothing.py: no such configuration' in result.stderr


@pytest.mark.parametrize(
    'command',
    [
        ['run_train.sh', '64'],
        ['run_train.sh', '--work-dir'],
        ['run_test_roi.sh', '--out', 'other.pkl'],
        ['run_test_roi_prw.sh', '0', '--out=other.pkl'],
        ['tools/install.sh', '--tset'],
        ['tools/format_epoch_weights_for_pretraining.sh'],
        ['tools/format_epoch_weights_for_pretraining.sh', '/nowhere'],
        ['tools/format_epoch_weights_for_pretraining.sh', '.', '3'],
    ],
)
def test_a_mistake_is_one_line_and_status_1(command):
    result = run(*command)
    assert result.returncode == 1
    assert result.stderr.startswith('error: ')
    assert result.stderr.count('\n') == 1


# Stands in for .venv/bin/python: notes whether it would keep byte code, and
# what it was called with.
INTERPRETER = """#!/bin/sh
echo "[$PYTHONDONTWRITEBYTECODE] $*" >> {log}
"""


@pytest.fixture
def repository(tmp_path):
    """A copy of the scripts with an interpreter that does nothing."""
    for name in ('quickstart.sh', 'run_tests.sh', 'tools/install.sh'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ('requirements.txt', 'setup.py'):
        (tmp_path / name).touch()
    programs = ('python', 'ruff', 'codespell', 'mypy', 'shellcheck')
    for name in (*programs, 'hadolint', 'mkdocs'):
        program = tmp_path / '.venv/bin' / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(INTERPRETER.format(log=tmp_path / 'calls'))
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ('script', 'main'),
    [('quickstart.sh', 'tools/quickstart.py'), ('run_tests.sh', '-m pytest')],
)
def test_imports_are_compiled_once(repository, script, main):
    """Although the user's environment wants no byte code kept."""
    subprocess.run(
        ['bash', script],
        cwd=repository,
        env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'},
        check=True,
        timeout=60,
    )
    # A command given with -c goes over several lines.
    calls = (repository / 'calls').read_text().split('\n[')
    (importing,) = (call for call in calls if 'mmdet_ps.models' in call)
    assert importing.startswith(']')
    assert calls.index(importing) > next(
        i for i, call in enumerate(calls) if '--editable' in call
    )
    assert calls[-1].startswith(f'] {main}')


@pytest.mark.slow
def test_several_processes_end_in_one_line(tmp_path):
    script = tmp_path / 'tool.py'
    script.write_text(
        'from mmdet_ps.utils.command_line import run_command\n'
        'from mmdet_ps.utils.errors import UserError\n'
        'def main():\n    raise UserError("a.json: empty")\n'
        'run_command(main)\n'
    )
    result = subprocess.run(
        [
            *(sys.executable, ROOT / 'tools/start_processes.py'),
            *('--standalone', '--nproc_per_node=2', script),
        ],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 1
    errors = [x for x in result.stderr.splitlines() if 'error' in x]
    assert errors == ['error: a.json: empty'] and result.stdout == ''
    assert 'Traceback' not in result.stderr
