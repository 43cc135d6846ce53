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


def start(number):
    return [
        *('-m', 'torch.distributed.run', '--standalone'),
        f'--nproc_per_node={number}',
    ]


@pytest.mark.slow
def test_several_processes_train_and_score_like_one(tmp_path):
    data = tmp_path / 'data'
    make = ['tools/make_synthetic.py', str(data), '--size', 'tiny']
    run(data, *make, '--sets', 'PRW')
    run(data, 'tools/prepare_data.py', 'prw', str(data / 'PRW'))
    work_dir = str(tmp_path / 'run')
    run(
        data,
        *start(2),
        'tools/train.py',
        CONFIG,
        *('--work-dir', work_dir, '--launcher', 'pytorch', '--cfg-options'),
        *('train_cfg.max_iters=2', 'train_dataloader.batch_size=2'),
        *('val_cfg=None', 'val_dataloader=None', 'val_evaluator=None'),
    )
    scores = []
    # 18 images: two processes have one less than the others.
    for started, options in (([], []), (start(4), ['--launcher', 'pytorch'])):
        out = tmp_path / f'scores_{len(scores)}.json'
        test = ['tools/test.py', CONFIG, work_dir, '--json', str(out)]
        run(data, *started, *test, '--work-dir', work_dir, *options)
        scores.append(json.loads(out.read_text()))
    alone, spread = (
        {k: v for k, v in row.items() if 'time' not in k} for row in scores
    )
    assert 'search/mAP' in alone
    assert alone == spread
