"""The filter of the gallery in scoring, against brute force."""

from dataclasses import replace

import numpy as np
import pytest

from mmdet_ps.evaluation.records import checked_records
from mmdet_ps.evaluation.results_file import to_results
from mmdet_ps.evaluation.search import rank
from mmdet_ps.evaluation.search.query_embeddings import embed_queries
from mmdet_ps.evaluation.settings import SearchSettings
from mmdet_ps.structures import SearchResults
from mmdet_ps.structures.scenes import scene_scores
from mmdet_ps.utils.errors import UserError
from tests.test_evaluation.random_world import random_world


def random_scenes(number, seed=0):
    rng = np.random.default_rng(seed)
    scenes = rng.normal(size=(number, 2, 4)).astype(np.float32)
    scenes[:, 1] = scenes[0, 1]
    return scenes


def test_a_score_by_hand():
    # A gate of 1/2 for the first number, almost 1 and almost 0 for the others.
    query = np.array([[0.0, 8.0, -8.0]], np.float32)
    scenes = np.array(
        [
            [[2, 1, 5], [0, 0, 0]],
            [[2, 1, -9], [0, 0, 0]],
            [[2, -1, 0], [0, 0, 0]],
        ],
        np.float32,
    )
    # z is (1, 1, 0), (1, 1, 0) and (1, -1, 0): cosines 1, 1 and 0.
    found = scene_scores(query, np.array([0]), scenes)
    np.testing.assert_allclose(found, [[0.731059, 0.731059, 0.5]], atol=1e-5)


def test_scores_equal_their_definition():
    rng = np.random.default_rng(1)
    queries = rng.normal(size=(3, 4)).astype(np.float32)
    scenes, own = random_scenes(5), np.array([4, 0, 2])
    found = scene_scores(queries, own, scenes)
    for q, row in enumerate(found):
        gate = 1 / (1 + np.exp(-queries[q] / 0.2))
        z = [v * gate + b for v, b in scenes]
        mine = z[own[q]]
        for n, value in enumerate(row):
            cosine = mine @ z[n] / np.linalg.norm(mine) / np.linalg.norm(z[n])
            assert value == pytest.approx(1 / (1 + np.exp(-cosine)), rel=1e-5)


@pytest.mark.parametrize('seed', range(12))
def test_without_a_threshold_nothing_is_filtered(seed):
    protocol, results = random_world(seed, exact=bool(seed % 2))
    results.scenes = random_scenes(len(protocol.images), seed)
    plain = rank(protocol, results, SearchSettings())
    for threshold in (-1e9, 0.2):
        settings = SearchSettings(scene_threshold=threshold)
        for one, other in zip(plain, rank(protocol, results, settings)):
            assert one.hit_ranks.tolist() == other.hit_ranks.tolist()
            assert one.num_relevant == other.num_relevant
            np.testing.assert_array_equal(one.images, other.images)


def scores_of(protocol, results, settings):
    rows = embed_queries(protocol, results, settings)[0]['default']
    return scene_scores(rows, protocol.query_images, results.scenes)


@pytest.mark.parametrize('options', [{}, dict(cbgm=(3, 2))], ids=str)
@pytest.mark.parametrize('seed', range(12))
def test_weighted_similarities_are_those_of_weighted_detections(seed, options):
    """One query at a time, its scores worked into the detections' own."""
    protocol, results = random_world(seed, exact=False)
    results.scenes = random_scenes(len(protocol.images), seed)
    settings = SearchSettings(
        score_thr=0.0, confidence_weighted=True, **options
    )
    scores = scores_of(protocol, results, settings)
    weighted = replace(settings, scene_scores=True)
    boxes = results.detections
    for query, ranking in enumerate(rank(protocol, results, weighted)):
        detections = replace(
            boxes, scores=boxes.scores * scores[query][boxes.image_of]
        )
        searched = SearchResults(detections, results.given)
        expected = rank(protocol, searched, settings)[query]
        assert ranking.hit_ranks.tolist() == expected.hit_ranks.tolist()
        np.testing.assert_allclose(
            ranking.similarities, expected.similarities, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(duplicates='each'),
        dict(ties='numpy'),
        dict(cbgm=(3, 2)),
        dict(k_reciprocal=(2, 2, 0.3)),
    ],
    ids=str,
)
def test_dropped_pictures_are_searched_as_if_nobody_was_found_there(options):
    """One query at a time, without the detections of what it drops."""
    for seed in range(24):
        # Of every second world, many detections are equally similar.
        protocol, results = random_world(seed, exact=bool(seed % 2))
        results.scenes = random_scenes(len(protocol.images), seed)
        settings = SearchSettings(**options)
        scores = scores_of(protocol, results, settings)
        threshold = float(np.median(scores))
        filtered = replace(settings, scene_threshold=threshold)
        boxes = results.detections
        for query, ranking in enumerate(rank(protocol, results, filtered)):
            kept = scores[query] >= threshold
            searched = SearchResults(
                boxes.keep(kept[boxes.image_of]), results.given
            )
            expected = rank(protocol, searched, settings)[query]
            assert ranking.hit_ranks.tolist() == expected.hit_ranks.tolist()
            assert ranking.images.tolist() == expected.images.tolist()
            assert ranking.num_relevant == expected.num_relevant


def test_results_of_another_model_are_refused():
    protocol, results = random_world(0, exact=False)
    with pytest.raises(UserError, match='filters the gallery'):
        rank(protocol, results, SearchSettings(scene_scores=True))
    results.scenes = np.zeros((len(protocol.images), 2, 7), np.float32)
    with pytest.raises(UserError, match='7 numbers, persons by 4'):
        rank(protocol, results, SearchSettings(scene_threshold=0.5))


def record(scene):
    return dict(
        img_path='a.jpg',
        bboxes=np.zeros((0, 4)),
        scores=np.zeros(0),
        embeddings=np.zeros((0, 4)),
        scene=scene,
    )


def test_dumps_hold_what_the_filter_needs():
    scenes = random_scenes(2)
    records = checked_records([record(scene) for scene in scenes], 'a dump')
    np.testing.assert_array_equal(to_results(records).scenes, scenes)
    for wrong in (scenes[0, 0], scenes, np.zeros((2, 0))):
        with pytest.raises(UserError, match='scene has the shape'):
            checked_records([record(wrong)], 'a dump')
    with pytest.raises(UserError, match='all images must have the same'):
        plain = record(scenes[0])
        del plain['scene']
        checked_records([record(scenes[0]), plain], 'a dump')
