"""The metric of the test loop, and the file that stands for a run."""

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmdet_ps.evaluation.results_file import load_results
from mmdet_ps.structures import save_protocols
from mmdet_ps.utils.errors import UserError
from tests.distributed import run_distributed

from ..small_world import FAR, PERSON, QUERY, SmallWorld, boxes_of

BOX = [100, 100, 40, 100]


def world():
    return SmallWorld(
        images={
            'a.jpg': [(BOX, 0.9), (FAR, 0.3)],
            'b.jpg': [(FAR, 0.8), (BOX, 0.6)],
            'c.jpg': [],
        },
        relevant=[('a.jpg', BOX), ('b.jpg', BOX)],
        groups={'query.jpg': 1, 'a.jpg': 1, 'b.jpg': 2, 'c.jpg': 2},
    )


def samples(given=True):
    """Data samples as dicts, as the evaluator hands them to metrics."""
    results = world().results()
    for k, name in enumerate(world().names):
        sample = DetDataSample(
            metainfo=dict(img_id=k, img_path=f'data/X/{name}')
        )
        inside = results.detections.of_image(k)
        sample.pred_instances = InstanceData(
            bboxes=torch.from_numpy(results.detections.bboxes[inside]),
            scores=torch.from_numpy(results.detections.scores[inside]),
            labels=torch.zeros(inside.stop - inside.start).long(),
            embeddings=torch.from_numpy(
                results.detections.embeddings['default'][inside]
            ),
        )
        if given:
            inside = results.given.of_image(k)
            sample.gt_instances = InstanceData(
                bboxes=torch.from_numpy(results.given.bboxes[inside]),
                person_ids=torch.from_numpy(results.given.person_ids[inside]),
                embeddings=torch.from_numpy(
                    results.given.embeddings['default'][inside]
                ),
            )
        yield sample.to_dict()


@pytest.fixture
def protocol_file(tmp_path):
    base = world().protocol()
    path = tmp_path / 'protocol.npz'
    save_protocols(
        path, [base, base.with_scope('other-group', 'cross-camera')]
    )
    return str(path)


def evaluate(metric, **options):
    for sample in samples(**options):
        metric.process(None, [sample])
    return metric.evaluate(size=4)


def test_figures_of_all_protocols(protocol_file):
    metric = METRICS.build(
        dict(type='PersonSearchMetric', protocol_file=protocol_file)
    )
    found = evaluate(metric)
    # .9T .8F .6T .3F, and .8F .6T with the other camera alone.
    assert found['search/mAP'] == pytest.approx((1 + 2 / 3) / 2)
    assert found['search/top1'] == 1
    assert found['search/cross-camera/mAP'] == pytest.approx(0.5)
    assert found['search/cross-camera/top1'] == 0
    assert found['search/cross-camera/top5'] == 1
    # One annotated box (the query), found; three detections are wrong, and
    # one has the same score.
    assert found['detection/recall'] == 1
    assert found['detection/AP'] == pytest.approx(1 / 5)


def test_annotated_boxes_take_the_place_of_detections(protocol_file):
    metric = METRICS.build(
        dict(
            type='PersonSearchMetric',
            protocol_file=protocol_file,
            annotated_boxes=True,
        )
    )
    persons = boxes_of([[(BOX, 0.5), (FAR, 0.2)]])
    for sample in samples():
        if sample['img_path'].endswith(('a.jpg', 'b.jpg')):
            # The right person, and a stranger who looks less like it.
            sample['gt_instances'] = dict(
                bboxes=torch.from_numpy(persons.bboxes),
                person_ids=torch.tensor([PERSON, -1]),
                embeddings=torch.from_numpy(persons.embeddings['default']),
            )
        metric.process(None, [sample])
    found = metric.evaluate(size=4)
    assert found['search/mAP'] == pytest.approx((1 + 2 / 3) / 2)
    assert found['search/annotated_boxes/mAP'] == 1
    assert found['search/annotated_boxes/top1'] == 1


def test_order_of_the_images_does_not_matter(protocol_file):
    metric = METRICS.build(
        dict(type='PersonSearchMetric', protocol_file=protocol_file)
    )
    metric.process(None, list(samples())[::-1])
    assert metric.evaluate(4)['search/mAP'] == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    'options',
    [{}, dict(query_embedding='matched-detection'), dict(preset='dps')],
)
def test_without_given_boxes_the_matched_detection_is_the_query(
    protocol_file, options
):
    metric = METRICS.build(
        dict(
            type='PersonSearchMetric',
            protocol_file=protocol_file,
            protocols=['standard'],
            **options,
        )
    )
    assert evaluate(metric, given=False)['search/mAP'] == pytest.approx(5 / 6)


def test_given_boxes_that_were_asked_for_must_be_there(protocol_file):
    metric = METRICS.build(
        dict(
            type='PersonSearchMetric',
            protocol_file=protocol_file,
            query_embedding='given-box',
        )
    )
    with pytest.raises(UserError, match='matched-detection'):
        evaluate(metric, given=False)


def test_a_missing_image_is_named(protocol_file):
    metric = METRICS.build(
        dict(type='PersonSearchMetric', protocol_file=protocol_file)
    )
    metric.process(None, list(samples())[:3])
    with pytest.raises(ValueError, match='nothing for image c.jpg'):
        metric.evaluate(3)


def test_a_misspelt_setting_fails_at_once(protocol_file):
    with pytest.raises(ValueError, match='no setting'):
        METRICS.build(
            dict(
                type='PersonSearchMetric',
                protocol_file=protocol_file,
                score_threshold=0.3,
            )
        )


def test_a_dump_holds_what_the_metric_saw(tmp_path):
    path = tmp_path / 'new' / 'results.pkl'
    metric = METRICS.build(dict(type='DumpSearchResults', out_file=str(path)))
    assert evaluate(metric) == {}
    stored = load_results(path)
    assert not stored.legacy and stored.header['version']
    found = stored.align(world().names)
    expected = world().results()
    np.testing.assert_array_equal(
        found.detections.bboxes, expected.detections.bboxes
    )
    np.testing.assert_array_equal(
        found.given.embeddings['default'],
        expected.given.embeddings['default'],
    )
    assert found.given.person_ids.tolist() == [PERSON]
    assert found.given.bboxes[0].tolist() == [
        QUERY[0], QUERY[1], QUERY[0] + QUERY[2], QUERY[1] + QUERY[3],
    ]  # fmt: skip


def test_rankings_are_kept_on_request_and_listed_for_chosen_queries(
    protocol_file,
):
    metric = METRICS.build(
        dict(type='PersonSearchMetric', protocol_file=protocol_file)
    )
    evaluate(metric)
    assert metric.ranked is None
    metric.keep_results = True
    evaluate(metric)
    assert metric.ranked.average_precisions == pytest.approx([5 / 6])
    assert metric.ranked.image_paths[1] == 'data/X/a.jpg'
    (ranking,) = metric.first_places([0], top_k=3)
    assert ranking.similarities == pytest.approx([0.9, 0.8, 0.6])
    assert ranking.is_hit.tolist() == [True, False, True]
    metric.forget()
    assert metric.ranked is None


def evaluate_shard(rank, world_size, protocol_file):
    """What a rank does: every third image, the last ones padded."""
    metric = METRICS.build(
        dict(type='PersonSearchMetric', protocol_file=protocol_file)
    )
    mine = list(samples())
    for number in range(rank, world_size * 2, world_size):
        metric.process(None, [mine[number % len(mine)]])
    return metric.evaluate(size=len(mine))


def test_processes_gather_before_they_score(protocol_file):
    alone = evaluate(
        METRICS.build(
            dict(type='PersonSearchMetric', protocol_file=protocol_file)
        )
    )
    for figures in run_distributed(
        evaluate_shard, 3, protocol_file, world_size=3
    ):
        assert figures == pytest.approx(alone)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_a_gpu_gives_the_same(protocol_file):
    one, other = (
        evaluate(
            METRICS.build(
                dict(
                    type='PersonSearchMetric',
                    protocol_file=protocol_file,
                    device=device,
                )
            )
        )
        for device in ('cpu', 'cuda')
    )
    assert one == pytest.approx(other)


def test_three_feature_sets(protocol_file):
    """Two parts and their join, the join under the plain names."""
    metric = METRICS.build(
        dict(
            type='PersonSearchMetric',
            protocol_file=protocol_file,
            protocols=['standard'],
            query_embedding='matched-detection',
        )
    )
    for sample in samples(given=False):
        predicted = sample['pred_instances']
        vectors = predicted.pop('embeddings')
        predicted['dense_embeddings'] = vectors
        # The second part cannot tell anyone apart.
        predicted['roi_embeddings'] = torch.ones(len(vectors), 3)
        predicted['embeddings'] = torch.cat(
            [predicted['dense_embeddings'], predicted['roi_embeddings']], 1
        )
        metric.process(None, [sample])
    found = metric.evaluate(size=4)
    assert found['search/dense/mAP'] == pytest.approx(5 / 6)
    assert found['search/mAP'] == pytest.approx(5 / 6)
    # Four equal ones, two of them right.
    assert found['search/roi/mAP'] == pytest.approx(0.5)
