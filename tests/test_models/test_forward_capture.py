"""Each row that an identity loss receives says what it is a row of."""

import copy

import pytest
import torch

from mmdet_ps.models.forward_capture import (
    capture_forward,
    check_parts,
    identity_loss_names,
)
from mmdet_ps.models.losses import NO_BOX
from mmdet_ps.structures.fields import IGNORED, UNLABELLED
from tests.tiny_search_detector import TinySearchDetector

from .thin_methods import METHODS, thin_model
from .two_stage import batch


def capture_loss(model, data):
    data = model.data_preprocessor(copy.deepcopy(data), training=True)
    with capture_forward(model, ['backbone']) as captured:
        model.loss(data['inputs'], data['data_samples'])
    return captured


@pytest.mark.parametrize('method', METHODS)
def test_rows_know_their_image_box_and_person(method):
    model = thin_model(method).train()
    # The same person twice, two without identity and an image of nobody.
    data = batch([3, UNLABELLED], [], [5, 3, UNLABELLED])
    captured = capture_loss(model, data)
    persons = [s.gt_instances.person_ids for s in data['data_samples']]
    annotated = {
        (i, b) for i, ids in enumerate(persons) for b in range(len(ids))
    }
    assert len(captured.maps['backbone'][0]) == 3
    names = identity_loss_names(model)
    assert names
    for name in names:
        rows = captured.rows(name)
        assert rows.embeddings.requires_grad
        seen = set()
        for person_id, image, box in zip(
            rows.person_ids.tolist(),
            rows.image_indices.tolist(),
            rows.box_indices.tolist(),
        ):
            if box == NO_BOX:
                assert person_id == IGNORED
            else:
                assert person_id == persons[image][box]
                seen.add((image, box))
        assert seen == annotated, name


def test_bsl_without_a_person_has_no_rows():
    captured = capture_loss(thin_model('bsl').train(), batch([], []))
    rows = captured.rows('roi_head.reid_head.losses.C5')
    assert [len(field) for field in rows] == [0, 0, 0, 0]


def test_nobody_listens_after_the_pass_whatever_happened():
    def listeners():
        return [
            [*module._forward_hooks, *module._forward_pre_hooks]
            for module in model.modules()
        ]

    model = thin_model('nae').train()
    before = listeners()
    with (
        pytest.raises(RuntimeError, match='on the way'),
        capture_forward(model, ['backbone']),
    ):
        assert listeners() != before
        raise RuntimeError('on the way')
    assert listeners() == before


def test_a_detector_that_hides_the_images_is_told_so():
    model = TinySearchDetector()
    with capture_forward(model) as captured:
        model.loss_reid(torch.ones(2, 8), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match='loss_reid .* image_indices'):
        captured.rows('loss_reid')
    assert captured.rows('loss_cls') is None


def test_a_part_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="'neck'.*no such part.*backbone"):
        check_parts(TinySearchDetector(), ['backbone', 'neck'])
