"""detect and embed_boxes on the real methods, with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmdet_ps.apis import detect, embed_boxes, init_model

CONFIGS = Path(__file__).parents[2] / 'configs' / 'synthetic'
IMAGE = np.random.default_rng(0).integers(0, 255, (160, 240, 3), np.uint8)
BOXES = [[10, 10, 40, 90], [100, 20, 130, 110], [-5, 80, 60, 170]]


@pytest.fixture(
    scope='module', params=['oim', 'nae', 'bsl', 'alignps', 'roi-alignps']
)
def model(request):
    torch.manual_seed(0)
    (config,) = CONFIGS.glob(f'{request.param}_r18*_prw.py')
    return init_model(config)


def test_detections_are_ordered_inside_the_image_and_of_unit_length(model):
    found = detect(model, IMAGE)
    n = len(found.scores)
    assert found.bboxes.shape == (n, 4) and found.embeddings.shape[0] == n
    assert (np.diff(found.scores) <= 0).all()
    lengths = np.linalg.norm(found.embeddings, axis=1)
    assert lengths == pytest.approx(1, abs=1e-4)
    if n:
        assert found.bboxes.min() >= -1
        assert (found.bboxes.max(0) <= np.array([241, 161] * 2)).all()


@pytest.mark.parametrize('resize', [True, False])
def test_a_box_has_the_same_embedding_alone_and_among_others(model, resize):
    together = embed_boxes(model, IMAGE, BOXES, resize)
    backwards = embed_boxes(model, IMAGE, BOXES[::-1], resize)
    alone = embed_boxes(model, IMAGE, BOXES[1:2], resize)
    assert together.shape[0] == 3
    assert together == pytest.approx(backwards[::-1], abs=1e-5)
    assert together[1:2] == pytest.approx(alone, abs=1e-5)
    assert embed_boxes(model, IMAGE, [], resize).shape == (
        0,
        together.shape[1],
    )


def test_a_detected_box_gets_the_embedding_it_was_detected_with(model):
    """Where boxes are embedded as they are reported (AlignPS family)."""
    if not type(model).__name__.lower().endswith('alignps'):
        pytest.skip('two-stage heads embed a region before it is refined')
    found = detect(model, IMAGE)
    # Random weights also give boxes without area, which are refused.
    whole = (found.bboxes[:, 2:] - found.bboxes[:, :2] > 1).all(1)
    assert whole.any()
    again = embed_boxes(model, IMAGE, found.bboxes[whole])
    assert again == pytest.approx(found.embeddings[whole], abs=1e-4)
