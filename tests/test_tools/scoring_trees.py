"""Native trees and result files that the tests of scoring tools share."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import numpy as np
from scipy.io import savemat

from mmdet_ps.evaluation.results_file import save_results
from mmdet_ps.utils.command_line import one_line
from mmdet_ps.utils.errors import UserError

from ..test_datasets import native_trees as trees

TOOLS = Path(__file__).parents[2] / 'tools'


def tool_caller(monkeypatch, capsys):
    """Calls a tool as the command line does: (exit, out, rows)."""
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
            tool.main()
        except (UserError, OSError) as error:
            code = f'error: {one_line(error)}'
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


def prw_tree(folder):
    """A tree with fractional boxes, some left of the image, and CRLF."""
    rng = np.random.default_rng(0)
    root = folder / 'PRW'
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


def cuhk_sysu_tree(folder):
    """A tree with duplicated entries and a query in its own gallery."""
    rng = np.random.default_rng(0)
    root = folder / 'CUHK-SYSU'
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


def dump(path, protocol, seed, header=None, given=True):
    """Our form, with the annotated boxes of the queries, embedded or not."""
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
            )
        )
        if given:
            vectors = rng.standard_normal((len(boxes), 6))
            records[-1]['gt_embeddings'] = vectors
    save_results(path, records[::-1], header or {})
    return path
