"""Scores worked out by hand, for every preset that states another number."""

import numpy as np
import pytest

from mmdet_ps.evaluation.search import (
    SearchScores,
    average_precision,
    rank,
)
from mmdet_ps.evaluation.search.average_precision import (
    trapezoid_precision,
)
from mmdet_ps.evaluation.search.detection_scores import detection_scores
from mmdet_ps.evaluation.settings import PRESETS, preset_settings
from mmdet_ps.structures import Ranking

from ..small_world import FAR, PERSON, QUERY, SmallWorld, boxes_of

EACH = [
    name
    for name, entry in PRESETS.items()
    if entry['common'].get('duplicates') == 'each'
]
SKIP = [name for name in PRESETS if name not in EACH] + [None]
EVERY = [*PRESETS, None]


def score(world, preset=None, dataset='cuhk-sysu', **options):
    settings = preset_settings(preset, dataset).with_options(**options)
    rankings = rank(world.protocol(), world.results(), settings)
    return SearchScores.of(rankings).means()


def cuhk_core(found=True):
    s2, s3, other = [100, 100, 40, 100], [50, 50, 60, 160], [10, 300, 40, 90]
    third = [(s3, 0.6)] if found else []
    return SmallWorld(
        images={
            's2': [(s2, 0.9), (other, 0.3)],
            's3': [(other, 0.8), *third],
            's4': [(FAR, 0.7)],
            's5': [(FAR, 0.95, 0.0)],
        },
        relevant=[('s2', s2), ('s3', s3)],
        listed=['s2', 's3', 's4', 's5'],
    )


@pytest.mark.parametrize('preset', EVERY)
def test_a_the_core_of_cuhk_sysu(preset):
    # A detection under the threshold leaves the gallery, in every script.
    means = score(cuhk_core(), preset, score_thr=0.1)
    assert means['mAP'] == pytest.approx(0.75)
    assert means['top1'] == 1


def test_a_detection_of_score_040_is_dropped_at_050():
    world = cuhk_core()
    world.images['s5'] = [(FAR, 0.95, 0.40)]
    assert score(world)['mAP'] == pytest.approx(0.75)
    # .95F .9T .8F .7F .6T at a lower threshold
    below = score(world, score_thr=0.4)
    assert below['mAP'] == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert below['top1'] == 0


def test_a_a_person_not_found_costs_recall():
    assert score(cuhk_core(found=False))['mAP'] == pytest.approx(0.5)
    assert score(cuhk_core(found=False))['recall'] == pytest.approx(0.5)


def duplicate():
    box = [100, 100, 40, 100]
    return SmallWorld(
        images={
            's12': [(box, 0.9)],
            's13': [(FAR, 0.5)],
            's14': [(FAR, 0.4)],
        },
        relevant=[('s12', box), ('s12', box)],
        listed=['s12', 's12', 's13', 's14'],
    )


@pytest.mark.parametrize('preset', EACH)
def test_b_duplicate_entries_ranked_twice(preset):
    assert score(duplicate(), preset)['mAP'] == pytest.approx(1.0)


@pytest.mark.parametrize('preset', SKIP)
def test_b_duplicate_entries_ranked_once(preset):
    assert score(duplicate(), preset)['mAP'] == pytest.approx(0.5)


@pytest.mark.parametrize('preset', EVERY)
def test_c_small_persons_need_less_overlap(preset):
    person = [10, 10, 12, 34]  # needs 0.4215; the detection has 0.4545
    world = SmallWorld(
        images={'s1': [([14.5, 10, 12, 34], 0.9)], 's2': [(FAR, 0.5)]},
        relevant=[('s1', person)],
        listed=['s1', 's2'],
    )
    expected = 0.0 if preset == 'seas' else 1.0
    assert score(world, preset)['mAP'] == expected
    assert score(world, preset, iou_rule='0.5')['mAP'] == 0.0


def own_image():
    query, other = [20, 20, 60, 160], [200, 40, 60, 150]
    world = SmallWorld(
        images={
            's31': [(query, 1.0)],
            's32': [(other, 0.5)],
            's33': [(FAR, 0.7)],
        },
        relevant=[('s31', query), ('s32', other)],
        listed=['s31', 's32', 's33'],
        query_image='s31',
        query_box=query,
    )
    return world


@pytest.mark.parametrize('preset', EVERY)
def test_d_the_query_image_may_stand_in_its_own_gallery(preset):
    assert score(own_image(), preset)['mAP'] == pytest.approx((1 + 2 / 3) / 2)


def prw(scope):
    box, query = [100, 100, 40, 100], [10, 10, 40, 100]
    names = ['c1s1_000010', 'c1s1_000060', 'c2s1_000020', 'c4s1_000040']
    return SmallWorld(
        images={
            'c1s1_000010': [(query, 1.0)],
            'c1s1_000060': [(box, 0.95)],
            'c2s1_000020': [(FAR, 0.8), (box, 0.6)],
            'c4s1_000040': [(FAR, 0.7)],
            'c6s1_000070': [(FAR, 0.0)],
        },
        relevant=[('c1s1_000060', box), ('c2s1_000020', box)],
        groups=dict(zip([*names, 'c6s1_000070'], [1, 1, 2, 4, 6])),
        query_image='c1s1_000010',
        query_box=query,
        scope=scope,
    )


@pytest.mark.parametrize('preset', EVERY)
@pytest.mark.parametrize(
    ('scope', 'mean', 'top1'),
    [('all', 0.75, 1), ('other-group', 1 / 3, 0), ('same-group', 1.0, 1)],
)
def test_e_the_cameras_of_prw(preset, scope, mean, top1):
    means = score(prw(scope), preset, 'prw')
    assert means['mAP'] == pytest.approx(mean)
    assert means['top1'] == top1


@pytest.mark.parametrize('preset', EVERY)
def test_f_an_identity_twice_in_one_frame(preset):
    first, second = [10, 10, 40, 100], [200, 10, 40, 100]
    world = SmallWorld(
        images={
            'c2': [(first, 0.5)],
            'c6': [(first, 0.4), (second, 0.9)],
            'c3': [(FAR, 0.3)],
        },
        relevant=[('c2', first), ('c6', first)],
        counts=[1, 2],
    )
    precision = (1 / 2 + 2 / 3) / 2
    expected = precision * 2 / 3 if preset == 'seas' else precision
    assert score(world, preset, 'prw')['mAP'] == pytest.approx(expected)


@pytest.mark.parametrize('preset', EVERY)
def test_i_equal_similarities_are_one_step(preset):
    box = [100, 100, 40, 100]
    world = SmallWorld(
        images={'a': [(box, 0.5)], 'b': [(FAR, 0.5)]},
        relevant=[('a', box)],
        listed=['a', 'b'],
    )
    assert score(world, preset)['mAP'] == pytest.approx(0.5)


def test_j_prw_mini_with_one_miss():
    # Ranks 1, 2, 3, 5, 6 of six relevant frames; the sixth is missed.
    box = [100, 100, 90, 290]
    similar = dict(a=0.9, b=0.8, c=0.7, d=0.5, e=0.4)
    images = {name: [(box, value)] for name, value in similar.items()}
    images.update(wrong=[(FAR, 0.6)], missed=[(FAR, 0.1)])
    world = SmallWorld(
        images=images,
        relevant=[(name, box) for name in [*similar, 'missed']],
    )
    expected = (1 + 1 + 1 + 4 / 5 + 5 / 6) / 6
    assert score(world)['mAP'] == pytest.approx(expected)
    assert expected == pytest.approx(0.7722, abs=1e-4)


def test_k_posetrack21():
    box = [100, 100, 40, 100]
    world = SmallWorld(
        images={
            'v1/f0': [(box, 0.97)],
            'v1/f1': [(box, 0.6)],
            'v1/f2': [(FAR, 0.8)],
            'v2/f0': [(FAR, 0.4)],
        },
        relevant=[('v1/f0', box), ('v1/f1', box)],
    )
    means = score(world)
    assert means['mAP'] == pytest.approx((1 + 2 / 3) / 2)
    assert means['top1'] == 1


def from_truth(truth, num_relevant):
    similarities = -np.arange(len(truth), dtype=float)
    return Ranking.from_list(similarities, truth, num_relevant)


def test_g_the_original_matlab_protocol_of_prw():
    # Junk is removed already; three boxes of the person, one missed.
    ranking = from_truth([0, 1, 0, 1], 3)
    assert trapezoid_precision(ranking) == pytest.approx(0.2222, abs=1e-4)
    assert average_precision(ranking) == pytest.approx(1 / 3)


def test_h_steps_and_trapezoids():
    ranking = from_truth([1, 0, 0, 1], 2)
    assert average_precision(ranking) == pytest.approx(0.75)
    assert trapezoid_precision(ranking) == pytest.approx(0.7083, abs=1e-4)


def oracle(listed_twice, boxes, others):
    """A perfect detector on a query whose gallery repeats an image.

    ``boxes`` lie in that image, all of the person; ``others`` is the number
    of further images with the person.
    """
    places = [[60 * k, 10, 40, 100] for k in range(boxes)]
    further = [f'other{k}' for k in range(others)]
    twice = ['twice'] * (2 if listed_twice else 1)
    owned = [('twice', places[k % boxes]) for k in range(len(twice))]
    return SmallWorld(
        images={
            'twice': [(box, 1.0) for box in places],
            **{name: [(places[0], 1.0)] for name in further},
            'nobody': [(FAR, 0.0)],
        },
        relevant=owned + [(name, places[0]) for name in further],
        listed=[*twice, *further, 'nobody'],
    )


# The queries of CUHK-SYSU that a perfect detector does not score 1 on.
FLAWED = {
    493: (oracle(False, 2, 1), 2 / 3, 2 / 3),
    1250: (oracle(True, 1, 0), 1.0, 0.5),
    1633: (oracle(True, 2, 1), 0.6, 4 / 9),
    1997: (oracle(True, 2, 6), 0.8, 0.765625),
    2561: (oracle(True, 2, 1), 0.6, 4 / 9),
}


@pytest.mark.parametrize('query', FLAWED)
def test_m_data_errors_of_cuhk_sysu(query):
    world, each, skip = FLAWED[query]
    assert score(world, duplicates='each')['mAP'] == pytest.approx(each)
    assert score(world, duplicates='skip')['mAP'] == pytest.approx(skip)


def test_m_the_ceiling_of_cuhk_sysu():
    perfect = 2900 - len(FLAWED)
    for mode, ceiling in (('each', 99.9540), ('skip', 99.9249)):
        flawed = sum(
            score(world, duplicates=mode)['mAP']
            for world, _, _ in FLAWED.values()
        )
        mean = 100 * (perfect + flawed) / 2900
        assert mean == pytest.approx(ceiling, abs=1e-4)


@pytest.mark.parametrize(('second', 'precision'), [(0.8, 0.5), (0.95, 0.25)])
def test_l_detection_by_mutual_best_overlap(second, precision):
    # The one that overlaps most is right, whichever scores higher.
    one, two = [0, 0, 100, 100], [500, 0, 100, 100]
    detections = boxes_of(
        [
            [
                ([0, 0, 100, 80], 0.0, 0.9),
                ([0, 0, 100, 60], 0.0, second),
                ([800, 0, 50, 50], 0.0, 0.3),
            ]
        ]
    )
    found = detection_scores(
        detections, boxes_of([[(one, 0.0), (two, 0.0)]], PERSON)
    )
    assert found['recall'] == pytest.approx(0.5)
    assert found['AP'] == pytest.approx(precision)


def test_the_query_is_the_detection_that_overlaps_it_most():
    # Legacy scripts take it whatever its score.
    world = cuhk_core()
    world.images = {
        'query.jpg': [(FAR, 0.2, 0.99), (QUERY, 1.0, 0.01)],
        **world.images,
    }
    matched = score(world, query_embedding='matched-detection')
    assert matched['mAP'] == pytest.approx(0.75)
