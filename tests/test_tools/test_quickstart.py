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
        timeout=900,
    )


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('quickstart')
    result = quickstart(work_dir, '--smoke')
    assert result.returncode == 0, result.stdout + result.stderr
    return work_dir, result.stdout


@pytest.mark.slow
def test_table_and_figures_agree(finished):
    work_dir, printed = finished
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
    page = (work_dir / 'report.html').read_text()
    assert 'data:image/' in page and 'http' not in page.split('<body')[0]


@pytest.mark.slow
def test_a_second_call_runs_what_is_missing_alone(finished):
    work_dir, _ = finished
    stamps = work_dir / 'stages.json'
    done = json.loads(stamps.read_text())
    del done['fine-tune_prw_scratch']
    stamps.write_text(json.dumps(done))
    result = quickstart(work_dir, '--smoke')
    assert result.returncode == 0, result.stdout + result.stderr
    finished_again = re.findall(r'\] (\S+) +[\d.]+ s\n', result.stdout)
    assert set(finished_again) == {'fine-tune_prw_scratch', 'report'}
    assert json.loads(stamps.read_text()).keys() == {
        *done,
        'fine-tune_prw_scratch',
    }


@pytest.mark.slow
def test_other_settings_in_the_same_folder_are_refused(finished):
    work_dir, _ = finished
    result = quickstart(work_dir, '--smoke', '--seed', '1')
    assert result.returncode != 0
    assert 'choose another --work-dir' in result.stderr
