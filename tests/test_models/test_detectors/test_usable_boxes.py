"""No box can ruin a training: which are left out, and that the rest trains."""

import random

import pytest
import torch
from mmengine.structures import InstanceData

from mmdet_ps.models.detectors import HybridPretrainDetector
from mmdet_ps.models.detectors.usable_boxes import (
    CheckedSamples,
    usable,
    with_usable_boxes,
)
from tests.test_models.thin_methods import METHODS, thin_model
from tests.tiny_search_detector import (
    PREPROCESSOR,
    TinySearchDetector,
    make_sample,
)

SHAPE = (96, 128)
NAN, INF = float('nan'), float('inf')
GOOD = [
    [10, 10, 40, 80], [0, 0, 128, 96], [-5, -3, 20, 90], [5, 5, 6, 6],
    [100, 60, 140, 120], [-128, 10, 30, 80], [12.0, 10, 12.2, 80],
]  # fmt: skip
BAD = [
    [10, 10, 10, 80], [10, 10, 40, 10], [10, 10, 10, 10], [40, 10, 10, 80],
    [NAN, 10, 40, 80], [10, 10, INF, 80], [-INF, -INF, INF, INF],
    [130, 10, 160, 80], [-30, 10, 0, 80], [10, 10, 1e9, 1e9],
    [-1e5, 10, 40, 80], [10, 10, 10.01, 80],
]  # fmt: skip


def test_boxes_are_told_apart():
    boxes = torch.tensor(GOOD + BAD)
    expected = [True] * len(GOOD) + [False] * len(BAD)
    assert usable(boxes, SHAPE).tolist() == expected


def samples_of(boxes, ignored=()):
    ids = list(range(len(boxes)))
    image, sample = make_sample(GOOD[:1] * len(boxes), ids, 'a', SHAPE)
    sample.gt_instances.bboxes = torch.tensor(boxes, dtype=torch.float).view(
        -1, 4
    )
    sample.ignored_instances = InstanceData(
        bboxes=torch.tensor(ignored, dtype=torch.float).view(-1, 4),
        labels=torch.zeros(len(ignored), dtype=torch.long),
        person_ids=torch.full((len(ignored),), -1),
    )
    return image, sample


def test_what_is_usable_stays_as_it_is():
    samples = [samples_of(GOOD, GOOD[:1])[1], samples_of([])[1]]
    assert with_usable_boxes(samples) is samples


def test_ids_go_with_their_boxes_and_the_given_samples_stay():
    given = [samples_of([BAD[0], GOOD[0], BAD[4], GOOD[1]], BAD[:2])[1],
             samples_of(GOOD)[1]]  # fmt: skip
    first, second = with_usable_boxes(given)
    assert first.gt_instances.person_ids.tolist() == [1, 3]
    assert first.gt_instances.bboxes.tolist() == [GOOD[0], GOOD[1]]
    assert len(first.ignored_instances) == 0
    assert first.img_path == given[0].img_path
    assert second is given[1]
    assert len(given[0].gt_instances) == 4


def hybrid():
    return HybridPretrainDetector(
        detector=dict(type=TinySearchDetector, data_preprocessor=PREPROCESSOR)
    )


def test_boxes_are_looked_at_before_they_are_moved():
    def batch():
        given = samples_of([BAD[0], GOOD[0]]), samples_of(GOOD)
        return {
            'inputs': [image for image, _ in given],
            'data_samples': [sample for _, sample in given],
        }

    preprocess = thin_model('oim').data_preprocessor
    found = preprocess(batch(), training=True)['data_samples']
    assert isinstance(found, CheckedSamples)
    assert [len(s.gt_instances) for s in found] == [1, len(GOOD)]
    assert with_usable_boxes(found) is found
    # A test keeps all that is annotated.
    found = preprocess(batch())['data_samples']
    assert [len(s.gt_instances) for s in found] == [2, len(GOOD)]
    # Augmentations on the device change boxes afterwards.
    preprocess.batch_augments = [lambda inputs, samples: (inputs, samples)]
    found = preprocess(batch(), training=True)['data_samples']
    assert not isinstance(found, CheckedSamples)

    by_branch = {
        key: dict(det=values[:1] + [None], reid=[None] + values[1:])
        for key, values in batch().items()
    }
    model = hybrid()
    found = model.data_preprocessor(by_branch, training=True)['data_samples']
    assert len(found['det'][0].gt_instances) == 1
    assert all(isinstance(part, CheckedSamples) for part in found.values())


def random_batch(rng):
    """Two images with nobody, with usual persons, and with broken boxes."""
    images = []
    for _ in range(2):
        boxes = rng.choices(GOOD, k=rng.choice([0, 1, 3]))
        boxes += rng.choices(BAD, k=rng.choice([0, 1, 3]))
        ids = [rng.choice([-2, -1, 0, 3, 59]) for _ in boxes]
        image, sample = samples_of(boxes, rng.choices(GOOD + BAD, k=2))
        sample.gt_instances.person_ids = torch.tensor(ids, dtype=torch.long)
        images.append((image, sample))
    return dict(
        inputs=[image for image, _ in images],
        data_samples=[sample for _, sample in images],
    )


@pytest.mark.slow
@pytest.mark.parametrize('mixed', [False, True])
@pytest.mark.parametrize('method', METHODS)
def test_no_batch_ruins_a_training(method, mixed):
    model = thin_model(method).train()
    step = torch.optim.SGD(model.parameters(), lr=1e-4)
    rng = random.Random(0)
    torch.manual_seed(0)
    for _ in range(6):
        data = model.data_preprocessor(random_batch(rng), training=True)
        with torch.autocast('cpu', torch.bfloat16, enabled=mixed):
            losses = model(**data, mode='loss')
        loss, log = model.parse_losses(losses)
        for key, value in log.items():
            assert torch.isfinite(value).all(), key
            assert 'loss' not in key or value.abs() < 1e4, (key, value)
        step.zero_grad()
        loss.backward()
        step.step()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter).all(), name
    for name, buffer in model.named_buffers():
        assert torch.isfinite(buffer).all(), name
