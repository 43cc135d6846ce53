"""The quickstart, every stage of it, on the smallest data."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def quickstart(work_dir: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, 'tools/quickstart.py', '--work-dir', str(work_dir)]
        + list(options),
        cwd=ROOT,
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'PYTHONPATH': str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=3000,
    )


def check_figures(work_dir: Path, printed: str) -> None:
    """The table that was printed and metrics.json say the same."""
    rows = json.loads((work_dir / 'metrics.json').read_text())
    assert [(row['target'], row['start']) for row in rows] == [
        (target, start)
        for target in ('cuhk-sysu', 'prw', 'posetrack21')
        for start in ('scratch', 'pretrained')
    ]
    for row in rows:
        assert row['seed'] == 0
        assert 0 <= row['mAP'] <= 1 and 0 <= row['top1'] <= 1
        assert re.search(
            rf'{row["target"]} +{row["start"]} +{100 * row["mAP"]:.1f} '
            rf'+{100 * row["top1"]:.1f}\n',
            printed,
        )


@pytest.mark.slow
def test_every_stage_runs_once_and_what_is_missing_again(tmp_path):
    result = quickstart(tmp_path, '--smoke')
    assert result.returncode == 0, result.stdout + result.stderr
    check_figures(tmp_path, result.stdout)
    page = (tmp_path / 'report.html').read_text()
    assert 'data:image/' in page
    assert 'src="http' not in page and 'href="http' not in page

    stamps = tmp_path / 'finished.json'
    done = json.loads(stamps.read_text())
    del done['fine-tune_prw_scratch']
    stamps.write_text(json.dumps(done))
    result = quickstart(tmp_path, '--smoke')
    assert result.returncode == 0, result.stdout + result.stderr
    ran = re.findall(r'\] (\S+) +[\d.]+ s  \d+ of \d+ done\n', result.stdout)
    assert set(ran) == {'fine-tune_prw_scratch', 'report'}
    check_figures(tmp_path, result.stdout)

    result = quickstart(tmp_path, '--smoke', '--seed', '1')
    assert result.returncode != 0
    assert 'choose another --work-dir' in result.stderr
