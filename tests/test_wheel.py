"""What a wheel holds is enough: no checkout is on the path."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mmdet_ps.datasets.native.protocols import read_protocols

from .test_tools.scoring_trees import detections, write

ROOT = Path(__file__).parents[1]
BUILT_OF = (
    'setup.py',
    'pyproject.toml',
    'MANIFEST.in',
    'README.md',
    'LICENSE',
    'mmdet_ps',
    'configs',
    'tools',
)
CONFIG = 'nae_r18-c4_1xb4-300_prw'
pytestmark = pytest.mark.slow


def call(*command, cwd, **environment):
    """Run a command that has to succeed; its output."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1', **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def unpacked(tmp_path_factory):
    """A wheel of this repository, built of a copy of it, unpacked."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for path in [*map(ROOT.joinpath, BUILT_OF), *ROOT.glob('run_*.sh')]:
        if path.is_dir():
            ignored = shutil.ignore_patterns('__pycache__', '.mim')
            shutil.copytree(path, source / path.name, ignore=ignored)
        else:
            shutil.copy(path, source)
    pip = (sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps')
    call(*pip, '--no-build-isolation', '-w', folder, source, cwd=folder)
    (wheel,) = folder.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / 'installed')
    return folder / 'installed'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """A folder with a small PRW, not prepared, drawn by the repository."""
    folder = tmp_path_factory.mktemp('data')
    make = (sys.executable, ROOT / 'tools/make_synthetic.py', folder)
    call(
        *(*make, '--size', 'tiny', '--sets', 'PRW', '--workers', '1'),
        cwd=folder,
        PYTHONPATH=str(ROOT),
    )
    return folder


def test_the_wheel_holds_what_is_run_and_no_laboratory(unpacked):
    packed = unpacked / 'mmdet_ps/.mim'
    names = {
        path.relative_to(packed).as_posix()
        for path in packed.rglob('*')
        if path.is_file()
    }
    for folder in ('configs', 'tools'):
        for path in (ROOT / folder).rglob('*.py'):
            name = path.relative_to(ROOT).as_posix()
            apart = path.name == 'site_hooks.py'
            apart = apart or 'from lab' in path.read_text()
            assert (name in names) != apart, name
    assert {'run_train.sh', 'run_test_roi_prw.sh', 'tools/launch.sh'} <= names
    assert not {'run_tests.sh', 'quickstart.sh', 'tools/install.sh'} & names
    assert not any('lab' in path.parts for path in unpacked.rglob('*.py'))


def test_every_step_works_without_a_checkout(unpacked, data, tmp_path):
    def mmdet_ps(*words):
        return call(
            *(sys.executable, '-m', 'mmdet_ps', *words),
            cwd=tmp_path,
            PYTHONPATH=str(unpacked),
            DATA_ROOT=str(data),
            PATH=f'{Path(sys.executable).parent}{os.pathsep}'
            f'{os.environ["PATH"]}',
        )

    assert str(unpacked / 'mmdet_ps/.mim') in mmdet_ps('--help')
    assert 'nothing is wrong' in mmdet_ps('check-env')
    prw = data / 'PRW'
    mmdet_ps('prepare', 'all', data)
    assert (prw / 'prepared/train.json').is_file()

    (protocol,) = read_protocols('prw', prw, ['standard'])
    results = write(tmp_path / 'r.pkl', detections(protocol, seed=0))
    mmdet_ps('score', results, '--data-root', prw, '--json', 'scores.json')
    rows = json.loads((tmp_path / 'scores.json').read_text())
    assert rows[0]['protocol'] == 'standard' and rows[0]['mAP'] > 0.1

    steps = ('train_cfg.max_iters=2', 'val_cfg=None', 'val_evaluator=None')
    off = ('--cfg-options', *steps, 'val_dataloader=None')
    mmdet_ps('train', CONFIG, *off)
    work_dir = tmp_path / 'work_dirs' / CONFIG

    footage = sorted((prw / 'frames').glob('*.jpg'))[:2]
    mmdet_ps(
        *('search', CONFIG, work_dir / 'iter_2.pth', *footage),
        *('--query', footage[0], '--box', 10, 10, 60, 120),
        *('--score-thr', 0, '--out', 'found'),
    )
    assert (tmp_path / 'found/ranking.json').is_file()

    mmdet_ps('new-project', 'work')
    shell = shutil.which('dash') or 'sh'
    said = call(
        *(shell, 'run_train_alignps.sh', CONFIG, '0', '--check'),
        cwd=tmp_path / 'work',
        PYTHONPATH=str(unpacked),
        PYTHON=sys.executable,
        DATA_ROOT=str(data),
    )
    assert f'would write   work_dirs/{CONFIG}' in said
