"""BSL's training step against the figures of deep-person-search."""

import json

import pytest
import torch

from mmdet_ps.models.detectors import person_search_rcnn
from mmdet_ps.models.roi_heads import region_features
from tests.test_golden.golden import (
    FOLDER,
    arrays,
    assert_agrees_as_a_whole,
    needs_golden,
    recipe,
)
from tests.test_golden.recorded_samples import RecordedAnchors, recorded_rois
from tests.test_golden.test_bsl import converted, data_of

pytestmark = needs_golden
KEYS = dict(
    loss_objectness='loss_rpn_cls',
    loss_rpn_box_reg='loss_rpn_bbox',
    loss_classifier='loss_cls',
    loss_box_reg='loss_bbox',
    loss_ide='loss_reid',
)
MODULES = {
    'backbone.conv2': 'backbone.layer1.',
    'backbone.conv3': 'backbone.layer2.',
    'backbone.conv4_3': 'backbone.layer3.',
    'RPN.head': 'rpn_head.',
    'RCNN.box_head': ('roi_head.bbox_head.reduce', 'roi_head.bbox_head.fc.'),
    'RCNN.box_predictor': 'roi_head.bbox_head.fc_',
    'reid_head.extractor': 'roi_head.reid_head.',
}


@pytest.fixture(scope='module', autouse=True)
def layout_of_the_record():
    """The weights amplify rounding: the figures are those of maps whose
    channels are not innermost."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (person_search_rcnn, region_features):
            patch.setattr(module, 'channels_innermost', lambda maps: maps)
        yield


@pytest.fixture(
    scope='module',
    params=[
        (name, queue)
        for name in ('bsl', 'bsl_div')
        for queue in ('as_loaded', 'queue_full')
    ],
    ids='-'.join,
)
def step(request):
    """One forward and backward on the recorded samples."""
    name, queue = request.param
    record = arrays(f'{name}.loss')
    figures = json.loads((FOLDER / f'{name}.loss.json').read_text())[queue]
    model = converted('bsl').train()
    model.data_preprocessor.std.fill_(255.0 if '_div' in name else 1.0)
    memory = model.roi_head.reid_head.losses['C5'].memory
    memory.count.fill_(figures['queue_count_before'])
    before = memory.lookup_table.clone()
    data = dict(inputs=[], data_samples=[])
    for image in zip(*recipe().train_batch()):
        for key, value in data_of(*image).items():
            data[key] += value
    model.rpn_head.sampler = RecordedAnchors(record)
    model.roi_head.sample = lambda *_: [recorded_rois(record, i) for i in '01']
    embeddings = []
    model.roi_head.reid_head.losses['C5'].register_forward_pre_hook(
        lambda _, args: embeddings.append(args[0].detach())
    )
    data = model.data_preprocessor(data, training=True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    return dict(
        model=model,
        record=record,
        figures=figures,
        losses=losses,
        total=total,
        memory=memory,
        before=before,
        embeddings=embeddings[0],
        queue=queue,
    )


def scalar(loss):
    return float(sum(loss).detach() if isinstance(loss, list) else loss)


def test_losses(step):
    for theirs, ours in KEYS.items():
        assert scalar(step['losses'][ours]) == pytest.approx(
            step['figures'][theirs], rel=1e-4
        ), ours
    assert float(step['total']) == pytest.approx(
        step['figures']['total'], rel=1e-4
    )


def test_anchor_labels(step):
    for image, assigned in enumerate(step['model'].rpn_head.sampler.labels):
        labels = assigned.clamp(max=1)
        assert torch.equal(
            labels, step['record'][f'rpn_labels_{image}'].long()
        )


def test_gradients(step):
    for theirs, prefix in MODULES.items():
        grads = [
            p.grad.norm()
            for name, p in step['model'].named_parameters()
            if name.startswith(prefix) and p.grad is not None
        ]
        assert float(torch.stack(grads).norm()) == pytest.approx(
            step['figures']['grad_norm'][theirs], rel=1e-3
        ), theirs


def test_what_is_frozen(step):
    frozen = {
        name
        for name, parameter in step['model'].named_parameters()
        if parameter.grad is None
    }
    assert {n for n in frozen if not n.startswith('backbone')} == set()
    norms = {
        name
        for name, parameter in step['model'].backbone.named_parameters()
        if parameter.ndim == 1
    }
    expected = {f'backbone.{name}' for name in norms}
    assert frozen == expected | {'backbone.conv1.weight'}


def test_embeddings_of_the_persons(step):
    assert step['model'].roi_head.reid_head.training
    assert_agrees_as_a_whole(step['embeddings'], step['record']['embeddings'])


def test_memory(step):
    """Rows of identities seen once, and the queue's newest entry."""
    memory, record = step['memory'], step['record']
    count = step['figures']['queue_count_after']
    assert int(memory.count) == count
    seven, eleven = record['lut_rows_3_7_11'][1:]
    assert_agrees_as_a_whole(memory.lookup_table[7], seven)
    assert_agrees_as_a_whole(memory.lookup_table[11], eleven)
    untouched = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12]
    assert torch.equal(
        memory.lookup_table[untouched], step['before'][untouched]
    )
    newest = memory.queue[(int(memory.tail) - 1) % len(memory.queue)]
    assert_agrees_as_a_whole(newest, record['queue_tail'][-1])
