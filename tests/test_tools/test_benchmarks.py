"""How times become rows, and rows a page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from tests.test_golden.golden import load_module

ROOT = Path(__file__).parents[2]
report = load_module(ROOT / 'benchmarks' / 'report.py')


def test_a_row_without_a_reference():
    row = report.row_of('memory', 'a case', [3.0, 1.0, 2.0], None)
    assert (row['median_s'], row['spread_s']) == (2.0, 1.0)
    assert row['reference_s'] is row['ratio'] is None and not row['slower']


def test_the_ratio_is_of_the_turns():
    """A machine that becomes slower slows both sides of a turn."""
    own = [1.0, 2.0, 4.0]
    row = report.row_of('memory', 'a case', own, [3 * s for s in own])
    assert row['ratio'] == 3 and row['ratio_noise'] == 0


@pytest.mark.parametrize(
    ('reference', 'slower'),
    [
        ([0.9, 0.9, 0.9, 0.9, 0.9], True),
        ([0.97, 0.97, 0.97, 0.97, 0.97], False),  # too little
        ([0.5, 0.7, 0.9, 1.1, 1.5], False),  # noise
        ([1.5, 1.5, 1.5, 1.5, 1.5], False),
    ],
)
def test_what_is_slower_than_its_noise_is_flagged(reference, slower):
    row = report.row_of('memory', 'a case', [1.0] * 5, reference)
    assert row['slower'] is slower
    assert ('slower' in report.cells(row)[5]) is slower


def test_times_have_units():
    assert [report.seconds(s) for s in (None, 2.0, 0.0123, 4.2e-5)] == [
        '',
        '2.00 s',
        '12.3 ms',
        '42 us',
    ]


def test_the_killed_training_with_two_optimizers_has_two():
    killed = load_module(ROOT / 'benchmarks' / 'kill_and_resume.py')
    cfg = killed.configuration('two optimizers', 2)
    with DefaultScope.overwrite_default_scope('mmdet'):
        wrapper = build_optim_wrapper(
            MODELS.build(cfg.model), cfg.optim_wrapper
        )
    names = [type(optimizer).__name__ for optimizer in wrapper.optimizers]
    assert sorted(names) == ['Adam', 'SGD']
    assert wrapper.loss_scaler.is_enabled()


@pytest.mark.slow
def test_a_part_against_the_same_version(tmp_path):
    """Two processes take turns; rows and page are written."""
    out, page = tmp_path / 'out.json', tmp_path / 'page.md'
    done = subprocess.run(
        [
            *(sys.executable, ROOT / 'benchmarks' / 'run.py', 'memory'),
            *('--quick', '--cases', '5,*', '--against', ROOT),
            *('--json', out, '--page', page),
        ],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )
    # 1 where noise makes the same version slower than itself.
    assert done.returncode in (0, 1), done.stderr
    (row,) = json.loads(out.read_text())
    wanted = {'part', 'case', 'median_s', 'spread_s', 'reference_s', 'ratio'}
    assert wanted <= set(row) and row['against'] == str(ROOT)
    assert row['case'] == '5,000 identities' and 0.1 < row['ratio'] < 10
    assert '| 5,000 identities (quick) |' in page.read_text()


def test_what_does_not_exist_is_named():
    for words, message in (
        (['speed'], 'speed is none of inference, training'),
        (['memory', '--against', 'no-such'], 'no such folder or commit'),
    ):
        done = subprocess.run(
            [sys.executable, ROOT / 'benchmarks' / 'run.py', *words],
            cwd=ROOT,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1 and message in done.stderr
        assert done.stderr.startswith('error: ')
