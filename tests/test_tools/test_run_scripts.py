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
