"""How times become rows, and rows a page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from mmdet.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from tests.test_golden.golden import load_module

ROOT = Path(__file__).parents[2]
report = load_module(ROOT / 'benchmarks' / 'report.py')
growth_page = load_module(ROOT / 'benchmarks' / 'growth_page.py')


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


def growth_rows():
    return [
        report.row_of(part, case, [seconds], None, peak_mib=7)
        for part, case, seconds in [
            ('memory', '5,000 identities', 9.0),
            ('growth', 'identities: 1,000,000', 8.0),
            ('growth', 'identities: 10,000', 1.0),
            ('growth', 'identities: 250,000', 2.0),
            ('growth', 'persons: 3', 1.0),
        ]
    ]


def test_growth_is_a_power_of_the_size():
    """Four times the work in four times the time: linear."""
    section = growth_page.section(growth_rows(), report.seconds)
    rows = [line for line in section.splitlines() if line.startswith('| i')]
    assert [row.split(' | ')[1] for row in rows] == [
        *('10,000', '250,000', '1,000,000'),
    ]
    assert rows[-1].endswith('| 8.00 s | 7 | 1.00 |')
    assert '| persons | 3 | 1.00 s | 7 |  |' in section
    assert '5,000' not in section
    assert growth_page.section(growth_rows()[:1], report.seconds) == ''


def test_growth_has_a_panel_for_each_series(tmp_path):
    growth_page.draw(growth_rows(), tmp_path / 'growth.png')
    height, width = cv2.imread(str(tmp_path / 'growth.png')).shape[:2]
    assert width > 2 * height


@pytest.mark.slow
def test_every_growing_case_runs_at_its_least(tmp_path):
    out, page = tmp_path / 'out.json', tmp_path / 'page.md'
    least = ['identities: 5,000', 'persons in a picture: 1']
    least += ['pixels of a picture: 38,400', 'persons in the gallery: 10,000']
    subprocess.run(
        [
            *(sys.executable, ROOT / 'benchmarks' / 'run.py', 'growth'),
            *('--quick', '--json', out, '--page', page, '--cases'),
            *(*least, 'identities, 50,000 sampled: 100,000'),
        ],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        check=True,
    )
    assert len(json.loads(out.read_text())) == 5
    assert '| identities | 5,000 |' in page.read_text()
    assert (tmp_path / growth_page.PICTURE).is_file()


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
