"""Result files with something wrong: an error of ours, or a score.

Mutations are drawn from a seed, so that a failure can be repeated: its number
stands in the message.
"""

import pickle

import numpy as np
import pytest

from mmdet_ps.evaluation.report import describe, format_scores, score_table
from mmdet_ps.evaluation.results_file import (
    ResultsFile,
    load_results,
    save_results,
)
from mmdet_ps.evaluation.search import rank_all
from mmdet_ps.evaluation.search.detection_scores import detection_scores
from mmdet_ps.utils.errors import UserError

from ..damage import damaged
from .small_world import FAR, SmallWorld

MUTATIONS = 600
BOX = [100, 100, 40, 100]
ODDITIES = (
    None, True, 3, -1, 1 << 70, float('nan'), float('inf'), 'text', '', b'',
    (), [], {}, [[]], [None], {'form': 3}, np.zeros(0), np.zeros((0, 4)),
    np.array(3), np.zeros((3, 9)), np.full((2, 4), np.nan), np.ones(2, int),
    np.array(['a', 'b']), np.zeros((2, 2, 2)), 'given-box', [30, 4],
)  # fmt: skip


def world():
    return SmallWorld(
        images={
            'a.jpg': [(BOX, 0.9), (FAR, 0.3)],
            'b.jpg': [(FAR, 0.8), (BOX, 0.6)],
            'c.jpg': [],
        },
        relevant=[('a.jpg', BOX), ('b.jpg', BOX)],
    )


def records():
    """The images of the world in our form."""
    results = world().results()
    made = []
    for k, name in enumerate(world().names):
        record = dict(img_id=k, img_path=f'data/X/{name}')
        for prefix, boxes in (
            ('', results.detections),
            ('gt_', results.given),
        ):
            inside = boxes.of_image(k)
            record[f'{prefix}bboxes'] = boxes.bboxes[inside]
            record[f'{prefix}embeddings'] = boxes.embeddings['default'][inside]
        inside = results.detections.of_image(k)
        record['scores'] = results.detections.scores[inside]
        inside = results.given.of_image(k)
        record['gt_person_ids'] = results.given.person_ids[inside]
        made.append(record)
    return made


def dump(path):
    header = dict(
        dataset='prw', preset='dps', settings=dict(score_thr=0.2, cbgm=[3, 2])
    )
    save_results(path, records(), header)


def one_branch(path):
    content = [
        [np.hstack([r['bboxes'], r['scores'][:, None], r['embeddings']])]
        for r in records()
    ]
    path.write_bytes(pickle.dumps(content, protocol=2))


def two_branches(path):
    one_branch(path)
    images = pickle.loads(path.read_bytes())
    # A list, so that mutations reach into it.
    path.write_bytes(pickle.dumps([images, [rows for (rows,) in images]]))


def score(path):
    """All that the scoring tools do with a file."""
    stored = load_results(path)
    settings = stored.settings('prw')
    results = stored.align(world().names)
    table = score_table(rank_all([world().protocol()], results, settings))
    format_scores(table)
    describe(settings, results)
    if results.given is not None:
        for labelled in (False, True):
            detection_scores(results.detections, results.given, 0.0, labelled)
    return table


def mutate_content(content, rng):
    """One place, however deep, emptied or filled with something else."""
    places = []

    def visit(value):
        if isinstance(value, (dict, list)):
            keys = value if isinstance(value, dict) else range(len(value))
            for key in list(keys):
                places.append((value, key))
                visit(value[key])

    whole = [content]
    visit(whole)
    holder, key = places[rng.integers(len(places))]
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = ODDITIES[rng.integers(len(ODDITIES))]
    return whole[0] if whole else None


@pytest.mark.parametrize('write', [dump, one_branch, two_branches])
def test_a_whole_file_is_scored(tmp_path, write):
    write(tmp_path / 'r.pkl')
    for scores in score(tmp_path / 'r.pkl').values():
        assert 0 < scores.means()['mAP'] <= 1


@pytest.mark.parametrize('write', [dump, one_branch, two_branches])
@pytest.mark.parametrize('kind', ['bytes', 'content'])
def test_a_damaged_file_is_an_error_of_ours(tmp_path, write, kind):
    path = tmp_path / 'r.pkl'
    write(path)
    whole, refused = path.read_bytes(), 0
    for seed in range(MUTATIONS // 2):
        rng = np.random.default_rng(seed)
        if kind == 'bytes':
            path.write_bytes(damaged(whole, rng))
        else:
            content = mutate_content(pickle.loads(whole), rng)
            path.write_bytes(pickle.dumps(content))
        try:
            score(path)
        except UserError as error:
            refused += 1
            assert '\n' not in str(error), seed
        except Exception as error:
            raise AssertionError(f'mutation {seed}') from error
    assert refused > MUTATIONS // 8


def test_the_file_in_memory_needs_no_given_boxes():
    kept = [
        {key: value for key, value in record.items() if key[:3] != 'gt_'}
        for record in records()
    ]
    assert not ResultsFile(kept).has_given_boxes
    assert ResultsFile(records()).has_given_boxes
