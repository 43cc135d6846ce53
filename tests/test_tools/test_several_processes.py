"""Training and testing by torchrun, on CPUs through gloo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/synthetic/roi-alignps_r18_1xb4-300_prw.py'


def run(data_root: Path, *command: str) -> None:
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={
            **os.environ,
            'PYTHONPATH': str(ROOT),
            'DATA_ROOT': str(data_root),
            'OMP_NUM_THREADS': '1',
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, (
        result.stdout[-3000:] + result.stderr[-3000:]
    )


@pytest.mark.slow
def test_two_processes_train_and_score_like_one(tmp_path):
    data = tmp_path / 'data'
    make = ['tools/make_synthetic.py', str(data), '--size', 'tiny']
    run(data, *make, '--sets', 'PRW')
    run(data, 'tools/prepare_data.py', 'prw', str(data / 'PRW'))
    two = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2']
    work_dir = str(tmp_path / 'run')
    run(
        data,
        *two,
        'tools/train.py',
        CONFIG,
        *('--work-dir', work_dir, '--launcher', 'pytorch', '--cfg-options'),
        *('train_cfg.max_iters=2', 'train_dataloader.batch_size=2'),
        *('val_cfg=None', 'val_dataloader=None', 'val_evaluator=None'),
    )
    scores = []
    for start, options in (([], []), (two, ['--launcher', 'pytorch'])):
        out = tmp_path / f'scores_{len(scores)}.json'
        test = ['tools/test.py', CONFIG, work_dir, '--json', str(out)]
        run(data, *start, *test, '--work-dir', work_dir, *options)
        scores.append(json.loads(out.read_text()))
    timed = ('time', 'data_time')
    first, second = (
        {key: value for key, value in row.items() if key not in timed}
        for row in scores
    )
    assert 'search/mAP' in first
    assert first == pytest.approx(second, abs=1e-6)
