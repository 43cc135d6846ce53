"""The scoring tools, from native folders and result files to rows."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mmdet_ps.datasets.native.files import NativeRoot
from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.datasets.native.registry import find_form
from mmdet_ps.evaluation.results_file import load_results, save_results
from mmdet_ps.evaluation.settings import preset_settings

from ..test_datasets import native_trees as trees
from ..test_evaluation import slow_search

TOOLS = Path(__file__).parents[2] / 'tools'
FIGURES = ('mAP', 'top1', 'top5', 'top10')
ROW = {'branch', 'protocol', 'gallery_size', 'num_queries', *FIGURES,
       'evaluator'}  # fmt: skip


@pytest.fixture
def run(monkeypatch, capsys):
    """Call a tool as the command line does; returns (exit, out, rows)."""
    monkeypatch.syspath_prepend(str(TOOLS))

    def call(name, *arguments, out=None):
        path = TOOLS / f'{name}.py'
        if out is not None:
            arguments = (*arguments, '--json', out)
        monkeypatch.setattr(sys, 'argv', [path.name, *map(str, arguments)])
        spec = importlib.util.spec_from_file_location(name, path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        code = None
        try:
            tool.run_tool(tool.main)
        except SystemExit as error:
            code = error.code
        rows = json.loads(Path(out).read_text()) if out and not code else None
        return code, capsys.readouterr().out, rows

    return call


def detections(protocol, seed, branches=1, dims=6):
    """Legacy arrays per image: the relevant boxes, jittered, and others."""
    rng = np.random.default_rng(seed)
    people = [[] for _ in protocol.images]
    vectors = rng.standard_normal((2000, branches, dims))
    for query in range(protocol.num_queries):
        person = int(protocol.query_ids[query])
        people[protocol.query_images[query]].append(
            (protocol.query_boxes[query], person)
        )
        for k in range(*protocol.relevant_offsets[query : query + 2]):
            people[protocol.relevant_images[k]].append(
                (protocol.relevant_boxes[k], person)
            )
    images = []
    for rows in people:
        found = []
        for box, person in rows:
            box = box + rng.normal(0, 0.05, 4) * np.tile(box[2:], 2)
            noise = rng.standard_normal((branches, dims))
            found.append((box, vectors[person] + noise))
        for _ in range(rng.integers(1, 3)):
            found.append(
                (rng.uniform(5, 90, 4), rng.standard_normal((branches, dims)))
            )
        boxes = np.array([box for box, _ in found])
        boxes[:, 2:] += boxes[:, :2]
        head = np.hstack([boxes, rng.uniform(0.05, 1, (len(boxes), 1))])
        images.append(
            [
                np.hstack([head, [v[b] for _, v in found]]).astype(np.float32)
                for b in range(branches)
            ]
        )
    return images


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


@pytest.fixture
def prw(tmp_path):
    """A tree with fractional boxes, some left of the image, and CRLF."""
    rng = np.random.default_rng(0)
    root = tmp_path / 'PRW'
    (root / 'annotations').mkdir(parents=True)
    stems = [f'c{k % 3 + 1}s1_{k:06d}' for k in range(24)]
    savemat(
        root / 'frame_test.mat', {'img_index_test': trees.cell_column(stems)}
    )
    lines, seen = [], set()
    for k, stem in enumerate(stems):
        rows = []
        for person in rng.permutation(6)[: rng.integers(1, 5)]:
            box = rng.uniform([-3, 1, 20, 40], [200, 60, 90, 160]).round(4)
            rows.append([person + 480 if person else -2, *box])
            if person and (person, stem[:2]) not in seen:
                seen.add((person, stem[:2]))
                numbers = ' '.join(f'{value:.4f}' for value in box)
                lines.append(f'{person + 480} {numbers} {stem}')
        key = ('box_new', 'anno_file', 'anno_previous')[k % 3]
        savemat(root / f'annotations/{stem}.jpg.mat', {key: np.array(rows)})
    (root / 'query_info.txt').write_bytes('\r\n'.join(lines).encode())
    return root


@pytest.fixture
def cuhk_sysu(tmp_path):
    """A tree with duplicated entries and a query in its own gallery."""
    rng = np.random.default_rng(0)
    root = tmp_path / 'CUHK-SYSU'
    place = root / 'annotation/test/train_test'
    place.mkdir(parents=True)
    pool = [f's{k}.jpg' for k in rng.permutation(40)]
    savemat(root / 'annotation/pool.mat', {'pool': trees.cell_column(pool)})
    for size in (50, 100):
        rows = []
        for k in range(12):
            names = rng.permutation(pool)[: size // 5].tolist()
            query = names.pop()
            if k == 3:
                names[1] = names[0]
            if k == 4:
                names[0] = query
            box = rng.integers(20, 250, 4).tolist()
            gallery = [
                trees.place(
                    name,
                    rng.integers(20, 250, 4).tolist() if n < 3 else None,
                )
                for n, name in enumerate(names)
            ]
            one = dict(trees.place(query, box), idname=f'p{k}')
            rows.append(
                dict(
                    Query=trees.struct_array([one]),
                    Gallery=trees.struct_array(gallery),
                )
            )
        savemat(
            place / f'TestG{size}.mat',
            {f'TestG{size}': trees.struct_array(rows)},
        )
    return root


def write(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


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


def dump(path, protocol, seed, header=None):
    """Our form, with the given boxes of the queries."""
    records = []
    rng = np.random.default_rng(9)
    for number, (rows,) in enumerate(detections(protocol, seed)):
        mine = protocol.query_images == number
        boxes = protocol.query_bboxes[mine]
        records.append(
            dict(
                img_path=f'data/X/{protocol.images[number]}',
                bboxes=rows[:, :4],
                scores=rows[:, 4],
                embeddings=rows[:, 5:],
                gt_bboxes=boxes.astype(np.float32),
                gt_person_ids=protocol.query_ids[mine],
                gt_embeddings=rng.standard_normal((len(boxes), 6)),
            )
        )
    save_results(path, records[::-1], header or {})
    return path


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
