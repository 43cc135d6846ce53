"""Known figures of PRW's protocols, on the real annotations where present.

Needs the folder of real annotations in the variable PS_REAL_ANNO.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.evaluation.search import average_precision, rank_all
from mmdet_ps.evaluation.settings import preset_settings
from mmdet_ps.structures import PersonBoxes, SearchResults

from .. import native_trees as trees

REAL = os.environ.get('PS_REAL_ANNO')
pytestmark = [
    pytest.mark.skipif(REAL is None, reason='PS_REAL_ANNO is not set'),
    pytest.mark.slow,
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A native tree: PRW-mini's queries, then one per (identity, camera)."""
    root = tmp_path_factory.mktemp('PRW')
    (root / 'annotations').mkdir()
    content = json.loads(Path(REAL, 'prw/test_pid.json').read_text())
    rows = {image['id']: [] for image in content['images']}
    for entry in content['annotations']:
        rows[entry['image_id']].append([entry['person_id'], *entry['bbox']])
    stems = [Path(image['file_name']).stem for image in content['images']]
    savemat(
        root / 'frame_test.mat', {'img_index_test': trees.cell_column(stems)}
    )
    mini = Path(REAL, 'prw/prwmini_query_info.txt').read_text().split('\n')
    lines = [line for line in mini if line.strip()]
    seen = {(int(line.split()[0]), line.split()[5][1]) for line in lines}
    for stem, people in zip(stems, rows.values()):
        savemat(
            root / f'annotations/{stem}.jpg.mat',
            {'box_new': np.array(people, float).reshape(-1, 5)},
        )
        for person, *box in people:
            # Test identities: 479, 484 to 931, 933.
            known = person in (479, 933) or 484 <= person <= 931
            if known and (person, stem[1]) not in seen:
                seen.add((person, stem[1]))
                lines.append(f'{person} {" ".join(map(str, box))} {stem}')
    (root / 'query_info.txt').write_text('\r\n'.join(lines))
    return root


@pytest.fixture(scope='module')
def protocols(folder):
    return {p.name: p for p in read_protocols('prw', folder)}


def found_in(protocol):
    """Relevant frames of each query that lie in its gallery."""
    return np.array(
        [
            (
                protocol.image_weights(query)[
                    protocol.relevant_images[protocol.relevant(query)]
                ]
                > 0
            ).sum()
            for query in range(protocol.num_queries)
        ]
    )


def test_queries_and_galleries(protocols):
    standard = protocols['standard']
    assert standard.num_queries == 2057
    assert len(np.unique(standard.query_ids)) == 450
    cameras = standard.image_groups[standard.query_images]
    counts = np.bincount(cameras)[1:]
    assert counts.tolist() == [407, 298, 437, 134, 384, 397]
    sizes = {1: 5221, 2: 5519, 3: 4843, 4: 5472, 5: 5045, 6: 4460}
    for query in range(0, 2057, 97):
        weights = protocols['cross-camera'].image_weights(query)
        assert weights.sum() == sizes[cameras[query]]
        assert standard.image_weights(query).sum() == 6111


def test_positives(protocols):
    every, cross = (
        found_in(protocols[name]) for name in ('standard', 'cross-camera')
    )
    assert (every.min(), every.max()) == (3, 198)
    assert every.mean() == pytest.approx(37.49, abs=0.005)
    assert cross.min() == 1
    assert cross.mean() == pytest.approx(30.55, abs=0.005)
    assert (found_in(protocols['same-camera']) > 0).sum() == 1946
    mini = protocols['mini']
    assert mini.num_queries == 30 and found_in(mini).sum() == 1258


def test_j_query_776_has_six_positives(protocols):
    mini = protocols['mini']
    (query,) = np.flatnonzero(mini.query_ids == 776)
    images = mini.relevant_images[mini.relevant(query)]
    names = {Path(mini.images[k]).stem for k in images}
    assert names == {
        'c2s2_104882', 'c2s2_104907', 'c2s2_104957', 'c2s2_105182',
        'c2s2_105257', 'c3s2_107578',
    }  # fmt: skip


def test_prw_mini_is_thirty_rows_of_the_standard_run(protocols):
    standard, mini = protocols['standard'], protocols['mini']
    rng = np.random.default_rng(0)
    boxes = standard.relevant_boxes.astype(np.float64).copy()
    boxes[:, 2:] += boxes[:, :2]
    boxes = np.vstack([standard.query_bboxes, boxes])
    images = np.r_[standard.query_images, standard.relevant_images]
    order = np.argsort(images, kind='stable')
    results = SearchResults(
        PersonBoxes(
            boxes[order].astype(np.float32),
            np.searchsorted(images[order], np.arange(6113)),
            {'default': rng.standard_normal((len(boxes), 8)).astype('f4')},
        )
    )
    settings = preset_settings('alignps', 'prw')
    table = rank_all([standard, mini], results, settings)
    rows = [
        int(
            np.flatnonzero(
                (standard.query_ids == person)
                & (standard.query_images == image)
            )[0]
        )
        for person, image in zip(mini.query_ids, mini.query_images)
    ]
    assert [average_precision(r) for r in table['default', 'mini']] == [
        average_precision(table['default', 'standard'][row]) for row in rows
    ]
