"""The scoring tools, from native folders and result files to rows."""

import subprocess
import sys

import numpy as np
import pytest

from mmdet_ps.datasets.native.files import NativeRoot
from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.datasets.native.registry import find_form
from mmdet_ps.evaluation.results_file import load_results
from mmdet_ps.evaluation.settings import preset_settings

from ..test_datasets import native_trees as trees
from ..test_evaluation import slow_search
from .scoring_trees import (
    TOOLS,
    cuhk_sysu_tree,
    detections,
    dump,
    prw_tree,
    tool_caller,
    write,
)

FIGURES = ('mAP', 'top1', 'top5', 'top10')
ROW = {'branch', 'protocol', 'gallery_size', 'num_queries', *FIGURES,
       'evaluator'}  # fmt: skip


@pytest.fixture
def run(monkeypatch, capsys):
    return tool_caller(monkeypatch, capsys)


@pytest.fixture
def prw(tmp_path):
    return prw_tree(tmp_path)


@pytest.fixture
def cuhk_sysu(tmp_path):
    return cuhk_sysu_tree(tmp_path)


def expected(protocol, results, settings, parts):
    """Means by plain loops; ``parts`` are joined to one embedding."""
    boxes = results.detections
    for side in (results.detections, results.given):
        if side is not None:
            units = [
                value
                / np.linalg.norm(value.astype(float), axis=1, keepdims=True)
                for value in (side.embeddings[part] for part in parts)
            ]
            side.embeddings['joint'] = np.hstack(units)
    assert len(boxes)
    found = [
        slow_search.search(protocol, query, results, settings, 'joint')
        for query in range(protocol.num_queries)
    ]
    return np.mean([values for values in found if values], axis=0)


def check_rows(rows, root, dataset, path, preset):
    settings = preset_settings(preset, dataset)
    for row in rows:
        assert set(row) == ROW
        (protocol,) = read_protocols(dataset, root, [row['protocol']])
        results = load_results(path).align(protocol.images)
        means = expected(
            protocol, results, settings, results.branches[row['branch']]
        )
        assert [row[key] for key in FIGURES] == pytest.approx(means)


@pytest.mark.parametrize('preset', ['alignps', 'pstr'])
def test_two_branches_on_prw(run, prw, tmp_path, preset):
    base, *_ = read_protocols('prw', prw)
    images = detections(base, seed=1, branches=2)
    path = write(
        tmp_path / 'results_1000.pkl',
        ([[one] for one, _ in images], [two for _, two in images]),
    )
    code, out, rows = run(
        'test_results_prw', path, '--data-root', prw, '--preset', preset,
        '--protocol', 'all', out=tmp_path / 'new/out.json',
    )  # fmt: skip
    assert code is None
    assert {(r['branch'], r['protocol']) for r in rows} == {
        (branch, protocol)
        for branch in ('dense', 'roi', 'concat')
        for protocol in ('standard', 'cross-camera', 'same-camera')
    }
    check_rows(rows, prw, 'prw', path, preset)
    assert 'mmdet_ps-search' in out and 'duplicates=each' in out


def test_scoring_a_file_loads_neither_torch_nor_openmmlab(prw, tmp_path):
    base, *_ = read_protocols('prw', prw)
    path = write(tmp_path / 'r.pkl', detections(base, seed=1))
    # As `python tools/test_results_prw.py` starts it, then a look around.
    code = """
import runpy, sys
del sys.argv[0]
sys.path[0] = sys.argv[0].rpartition('/')[0]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as end:
    assert not end.code, end.code
print('loaded', *sys.modules)
"""
    tool = TOOLS / 'test_results_prw.py'
    for arguments in (['--help'], [path, '--data-root', prw]):
        found = subprocess.run(
            [sys.executable, '-c', code, tool, *arguments],
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stderr
        loaded = found.stdout.splitlines()[-1].split()
        assert loaded[0] == 'loaded' and 'mmdet_ps.evaluation.report' in loaded
        heavy = {'torch', 'mmengine', 'mmcv', 'mmdet', 'scipy.optimize'}
        assert not heavy & set(loaded)


@pytest.mark.parametrize('preset', ['alignps', 'pstr'])
def test_one_branch_on_cuhk_sysu(run, cuhk_sysu, tmp_path, preset):
    base, *_ = read_protocols('cuhk-sysu', cuhk_sysu)
    images = detections(base, seed=2)
    path = write(tmp_path / 'results_1000.pkl', images)
    code, _, rows = run(
        'test_results', path, '--data-root', cuhk_sysu, '--preset', preset,
        '--gallery-size', '50,100,all', out=tmp_path / 'out.json',
    )  # fmt: skip
    assert code is None
    assert [(r['protocol'], r['gallery_size']) for r in rows] == [
        ('gallery-50', 50), ('gallery-100', 100), ('gallery-all', 40),
    ]  # fmt: skip
    check_rows(rows, cuhk_sysu, 'cuhk-sysu', path, preset)


def test_a_dump_is_scored_by_given_boxes(run, prw, tmp_path):
    base, *_ = read_protocols('prw', prw)
    path = dump(tmp_path / 'dump.pkl', base, seed=3)
    code, out, rows = run(
        'test_results_prw', path, '--data-root', prw, '--preset', 'dps',
        '--intervals', out=tmp_path / 'out.json',
    )  # fmt: skip
    assert code is None and 'recall of labelled' in out and '95% of mAP' in out
    assert [r['protocol'] for r in rows] == ['standard', 'cross-camera']
    check_rows(rows, prw, 'prw', path, 'dps')
    code, out, _ = run(
        'test_results_prw', path, '--data-root', prw, '--query-embedding',
        'matched-detection', '--score-thr', '0.3', '--gt-boxes',
    )  # fmt: skip
    assert code is None
    assert 'gt_boxes=True' in out and 'score_thr=0.3' in out


def test_the_header_may_say_how_to_score(run, prw, tmp_path):
    base, *_ = read_protocols('prw', prw)
    header = dict(settings=dict(score_thr=0.37, duplicates='each'))
    path = dump(tmp_path / 'dump.pkl', base, 3, header)
    _, out, _ = run('test_results_prw', path, '--data-root', prw)
    assert 'score_thr=0.37' in out and 'duplicates=each' in out
    _, out, _ = run(
        'test_results_prw', path, '--data-root', prw, '--score-thr', '0.5'
    )
    assert 'score_thr=0.5 ' in out and 'duplicates=each' in out
    path = dump(tmp_path / 'dump.pkl', base, 3, dict(preset='dps'))
    _, out, _ = run('test_results_prw', path, '--data-root', prw)
    assert 'rounding=dps' in out


def test_two_files_are_compared(run, prw, tmp_path):
    base, *_ = read_protocols('prw', prw)
    one = dump(tmp_path / 'one.pkl', base, seed=4)
    two = dump(tmp_path / 'two.pkl', base, seed=5)
    code, out, rows = run(
        'test_results_prw', '--compare', one, two, '--data-root', prw,
        '--protocol', 'standard', out=tmp_path / 'out.json',
    )  # fmt: skip
    assert code is None and 'B - A' in out and len(rows) == 2
    line = next(x for x in out.splitlines() if '  mAP ' in x and '+' in x
                or '  mAP ' in x and '-' in x and 'standard' in x)  # fmt: skip
    shown = float(line.split()[3])
    assert shown == pytest.approx(
        100 * (rows[1]['mAP'] - rows[0]['mAP']), abs=0.006
    )


def test_posetrack21(run, tmp_path):
    trees.posetrack21(tmp_path)
    (base,) = read_protocols('posetrack21', tmp_path)
    path = write(tmp_path / 'r.pkl', detections(base, seed=6))
    code, _, rows = run(
        'test_results_posetrack21', path, '--data-root', tmp_path,
        '--preset', 'alignps', out=tmp_path / 'out.json',
    )  # fmt: skip
    assert code is None
    check_rows(rows, tmp_path, 'posetrack21', path, 'alignps')


def test_detection_scores_of_a_legacy_file(run, tmp_path):
    trees.prw(tmp_path)
    base, *_ = read_protocols('prw', tmp_path)
    truth = find_form('prw').read(NativeRoot(tmp_path)).split('test').records
    # Every box is found, the first of each image twice.
    images = []
    for record in truth:
        boxes = np.vstack([record.boxes, record.boxes[:1] + 1])
        rows = np.ones((len(boxes), 9), np.float32)
        rows[:, :4], rows[-1, 4] = boxes, 0.1
        images.append([rows])
    assert [r.img_path for r in truth] == base.images
    path = write(tmp_path / 'r.pkl', images)
    code, out, _ = run(
        'test_results_prw', path, '--data-root', tmp_path, '--detection'
    )
    assert code is None
    assert 'AP 100.00, recall 100.00, recall of labelled persons 100.00' in out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['none.pkl', '--data-root', '.'], 'no such file'),
        (['{results}', '--data-root', 'nowhere'], 'no such folder'),
        (['{results}', '--data-root', '{empty}'], 'frame_test.mat'),
        (['--data-root', '{root}'], 'either RESULTS or --compare'),
        (['{short}', '--data-root', '{root}'], 'the test set has'),
        (
            ['{results}', '--data-root', '{root}', '--query-embedding',
             'given-box'],
            'no embeddings of given boxes',
        ),
        (['{results}', '--data-root', '{root}', '--gt-boxes'], 'annotated'),
        (
            ['{results}', '--data-root', '{root}', '--protocol', 'mini'],
            'PRW-mini',
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(run, prw, tmp_path, arguments, message):
    base, *_ = read_protocols('prw', prw)
    images = detections(base, seed=1)
    names = dict(
        root=prw,
        results=write(tmp_path / 'r.pkl', images),
        short=write(tmp_path / 'short.pkl', images[:-1]),
        empty=tmp_path / 'empty',
    )
    names['empty'].mkdir()
    out = tmp_path / 'out.json'
    code, _, _ = run(
        'test_results_prw', *[a.format(**names) for a in arguments], out=out
    )
    assert code.startswith('error: ') and message in code
    assert '\n' not in code and not out.exists()
