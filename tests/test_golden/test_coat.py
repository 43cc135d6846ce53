"""COAT with converted weights against the original, run here.

The environment variable ``PS_COAT`` names a checkout of github.com/Kitware/
COAT, which needs the package yacs.
"""

import importlib
import os
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
import torchvision
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData

from tests.test_golden.golden import assert_agrees, load_module
from tests.test_models.two_stage import build, model_config

CHECKOUT = os.environ.get('PS_COAT')
pytestmark = [
    pytest.mark.skipif(not CHECKOUT, reason='PS_COAT is not set'),
    pytest.mark.slow,
]
TOOL = Path(__file__).parents[2] / 'tools/model_converters/coat.py'
SIZE = (128, 192)
EVERYTHING = 10**4
NMS = 0.85  # the boxes of a random model lie close to each other
BOXES = torch.tensor([[20.0, 10, 60, 110], [90, 20, 130, 120], [5, 5, 30, 60]])


@pytest.fixture(scope='module')
def original():
    """The original with random weights and running statistics."""
    own = {'models', 'loss', 'utils', 'defaults'}
    saved = {k: v for k, v in sys.modules.items() if k.split('.')[0] in own}
    for key in saved:
        del sys.modules[key]
    sys.path.insert(0, CHECKOUT)
    try:
        cfg = importlib.import_module('defaults').get_default_cfg()
        cfg.INPUT.MIN_SIZE, cfg.INPUT.MAX_SIZE = SIZE
        cfg.MODEL.LOSS.LUT_SIZE, cfg.MODEL.LOSS.CQ_SIZE = 482, 500
        cfg.MODEL.RPN.POST_NMS_TOPN_TEST = 20
        cfg.MODEL.ROI_HEAD.SCORE_THRESH_TEST = 0.0
        for stage in ('1ST', '2ND', '3RD'):
            cfg.MODEL.ROI_HEAD[f'NMS_THRESH_TEST_{stage}'] = NMS
        cfg.MODEL.ROI_HEAD.BATCH_SIZE_TRAIN = EVERYTHING
        part = importlib.import_module('models.coat')
        resnet = torchvision.models.resnet50
        torch.manual_seed(0)
        with mock.patch.dict(
            torchvision.models.resnet.__dict__,
            resnet50=lambda pretrained: resnet(),
        ):
            model = part.COAT(cfg)
    finally:
        sys.path.remove(CHECKOUT)
        for key in [k for k in sys.modules if k.split('.')[0] in own]:
            del sys.modules[key]
        sys.modules.update(saved)
    spread(model)
    return model.eval()


def spread(model):
    """Weights under which outputs differ from RoI to RoI."""
    for name, part in model.named_modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(part.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
            if 'roi_heads' in name:
                torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    # Boxes that stay where they are, and scores that are not all 0 or 1.
    heads = model.roi_heads
    first = heads.box_predictor_1st
    for part in (model.rpn.head.bbox_pred, first.bbox_pred):
        part.weight.data *= 1e-3
    for part in (model.rpn.head.cls_logits, first.cls_score):
        part.weight.data *= 1e-2
    for part in (heads.box_predictor_2nd, heads.box_predictor_3rd):
        part.bbox_pred[1].weight.data *= 0.1
    for name in ('lut', 'cq'):
        for stage in ('2nd', '3rd'):
            loss = getattr(heads, f'reid_loss_{stage}')
            rows = getattr(loss, name)
            rows.copy_(torch.nn.functional.normalize(torch.randn(rows.shape)))


@pytest.fixture(scope='module')
def converted(original):
    config = model_config('coat_r50-c4')
    config.test_cfg.rpn.max_per_img = 20
    rcnn = config.test_cfg.rcnn
    for stage in (rcnn.first, rcnn.second, rcnn):
        stage.score_thr = 0.0
        stage.nms.iou_threshold = NMS
    config.train_cfg.rcnn.sampler.num = EVERYTHING
    model = build(config)
    weights, _ = load_module(TOOL).convert(original.state_dict())
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    # The original keeps its classifiers outside the model.
    own = ('norm', 'classifier')
    assert all(
        key.split('loss_reid.')[1].split('.')[0] in own for key in missing
    )
    for name in model.roi_head.embedding:
        # Its classifier is computed outside the original model.
        model.roi_head.stages[name].loss_reid.classifier_weight = 0
    return model.eval()


@pytest.fixture(scope='module')
def image():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, *SIZE), generator=generator).byte()


def sample_of(boxes=None):
    sample = DetDataSample(
        metainfo=dict(img_shape=SIZE, ori_shape=SIZE, scale_factor=(1.0, 1.0))
    )
    if boxes is not None:
        sample.gt_instances = InstanceData(
            bboxes=boxes,
            labels=torch.zeros(len(boxes), dtype=torch.long),
            person_ids=torch.tensor([3, 7, -1])[: len(boxes)],
        )
    return sample


def maps_of(original, converted, image):
    """Feature maps of both for a BGR image."""
    images, _ = original.transform([image.flip(0) / 255], None)
    data = converted.data_preprocessor(
        dict(inputs=[image], data_samples=[sample_of()])
    )
    with torch.no_grad():
        return (
            original.backbone(images.tensors),
            converted.extract_feat(data['inputs']),
        )


def test_stages_answer_alike(original, converted, image):
    theirs, ours = maps_of(original, converted, image)
    assert_agrees(ours[0], theirs['feat_res4'])
    heads, rois = original.roi_heads, bbox2roi([BOXES])
    with torch.no_grad():
        pooled = heads.box_roi_pool(theirs, [BOXES], [SIZE])
        roi_feats = converted.roi_head.roi_features(ours, rois)
        assert_agrees(roi_feats, pooled)
        names = zip(converted.roi_head.stages, ('1st', '2nd', '3rd'))
        for name, number in names:
            answers = converted.roi_head.stages[name](roi_feats)
            tops = getattr(heads, f'box_head_{number}')(pooled)
            predictor = getattr(heads, f'box_predictor_{number}')
            if name == 'first':
                scores, deltas = predictor(tops['after_trans'])
                assert_agrees(answers['cls_score'], scores.flip(1))
            else:
                deltas = predictor(tops['after_trans'])
                embed = getattr(heads, f'embedding_head_{number}')
                embeddings, logits = embed(tops)
                assert_agrees(answers['embeddings'], embeddings)
                assert_agrees(answers['cls_score'].squeeze(1), logits)
            assert_agrees(answers['bbox_pred'], deltas[:, 4:])


def test_persons_are_found_and_embedded_alike(original, converted, image):
    with torch.no_grad():
        (theirs,) = original([image.flip(0) / 255])
        targets = [dict(boxes=BOXES.clone())]
        given = original([image.flip(0) / 255], targets)
        (ours,) = converted.test_step(
            dict(inputs=[image], data_samples=[sample_of(BOXES)])
        )
    found = ours.pred_instances
    assert len(found) > 5
    assert_agrees(found.bboxes, theirs['boxes'])
    assert_agrees(found.scores, theirs['scores'])
    units = torch.nn.functional.normalize(theirs['embeddings'])
    assert_agrees(found.embeddings, units)
    units = torch.nn.functional.normalize(torch.cat(given))
    assert_agrees(ours.gt_instances.embeddings, units)


def test_numbers_of_parameters_differ_by_what_nothing_uses(
    original, converted
):
    def count(parameters):
        return sum(parameter.numel() for parameter in parameters)

    unused = [
        parameter
        for name, parameter in original.named_parameters()
        if '.transformer_encoder.output_linear.' in name
        or name == 'roi_heads.box_head.conv0.weight'
    ]
    # Boxes of the background: four rows of 2048 and a bias in each stage,
    # batch-normalised in two.
    background = 3 * 4 * 2049 + 2 * 4 * 2
    own = [
        parameter
        for name, parameter in converted.named_parameters()
        if 'loss_reid' in name
    ]
    assert count(original.parameters()) == (
        count(converted.parameters()) - count(own) + count(unused) + background
    )


def test_losses_are_alike(original, converted, image):
    """On every RoI, with nobody before anybody else."""
    theirs, ours = maps_of(original, converted, image)
    generator = torch.Generator().manual_seed(1)
    proposals = torch.cat([BOXES] * 6)
    shift = torch.rand(proposals.shape, generator=generator) - 0.5
    proposals = (proposals + 16 * shift).clamp(min=0, max=128)
    ids = torch.tensor([4, 8, 5555])
    targets = [dict(boxes=BOXES.clone(), labels=ids)]
    sample = sample_of(BOXES)
    stay = dict(randperm=lambda n, **_: torch.arange(n))
    original.train()
    converted.train()
    with mock.patch.multiple(torch, **stay), torch.no_grad():
        expected = original.roi_heads(theirs, [proposals], [SIZE], targets)[1]
        found = converted.roi_head.loss(
            ours, [InstanceData(bboxes=proposals)], [sample]
        )
    original.eval()
    converted.eval()
    names = {'1st': 'first_', '2nd': 'second_', '3rd': ''}
    for number, prefix in names.items():
        for theirs, ours, weight in (
            ('cls', 'cls', 1),
            ('reg', 'bbox', 10),
            ('reid', 'reid', 0.5),
        ):
            key = f'loss_rcnn_{theirs}_{number}'
            if key in expected:
                value = found[f'loss_{prefix}{ours}']
                assert_agrees(value, weight * expected[key])
    assert len(expected) == 8
