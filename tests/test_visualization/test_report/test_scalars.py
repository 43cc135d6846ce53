import json

import pytest

from mmdet_ps.visualization.report import read_scalars, smoothed


def write(run, stamp, rows, tail=''):
    path = run / stamp / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    lines = [json.dumps(row) for row in rows]
    path.write_text('\n'.join([*lines, tail]))


def test_starts_of_one_run_are_joined_and_the_later_counts(tmp_path):
    write(
        tmp_path,
        '20260101_100000',
        [dict(loss=3.0, step=10), dict(loss=2.0, step=20)],
        tail='{"loss": 1.',
    )
    write(
        tmp_path,
        '20260101_110000',
        [dict(loss=1.9, step=20), dict(loss=1.0, step=30, name='x')],
    )
    assert read_scalars(tmp_path) == {'loss': ([10, 20, 30], [3.0, 1.9, 1.0])}


def test_a_run_without_logs_has_no_scalars(tmp_path):
    assert read_scalars(tmp_path / 'nowhere') == {}


def test_smoothing_averages_the_last_values():
    assert smoothed([1, 2, 3, 4], window=2) == pytest.approx(
        [1, 1.5, 2.5, 3.5]
    )
    assert smoothed([]) == []
