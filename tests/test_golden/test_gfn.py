"""SeqNeXt and its filter with converted weights against the original.

The environment variable ``PS_GFN`` names a checkout of github.com/LukeJaffe/
GFN, which needs the packages yaml and pytorch-metric-learning.
"""

import importlib
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmdet_ps.structures.scenes import scene_scores
from tests.test_golden.golden import assert_agrees, load_module
from tests.test_models.two_stage import build, model_config

CHECKOUT = os.environ.get('PS_GFN')
pytestmark = [
    pytest.mark.skipif(not CHECKOUT, reason='PS_GFN is not set'),
    pytest.mark.slow,
]
TOOL = Path(__file__).parents[2] / 'tools/model_converters/gfn.py'
SIZE = (128, 192)
EVERYTHING = 10**4
NMS = 0.85  # the boxes of a random model lie close to each other
# Of two pictures that both show person 3, and one that shows nobody of them.
BOXES = [
    torch.tensor([[20.0, 10, 60, 110], [90, 20, 130, 120], [5, 5, 30, 60]]),
    torch.tensor([[30.0, 20, 80, 120], [100, 20, 140, 110]]),
    torch.tensor([[60.0, 20, 110, 120]]),
]
IDS = [[3, 7, -1], [3, -1], [9]]
NO_PERSON = 483  # what the original calls persons without identity


@pytest.fixture(scope='module', params=['resnet', 'convnext'])
def original(request):
    """The original with random weights and running statistics."""
    yaml = pytest.importorskip('yaml')
    package = types.ModuleType('osr')
    package.__path__ = [f'{CHECKOUT}/src']
    sys.modules['osr'] = package
    try:
        part = importlib.import_module('osr.models.seqnext')
    finally:
        for key in [k for k in sys.modules if k.split('.')[0] == 'osr']:
            del sys.modules[key]
    path = Path(CHECKOUT) / 'configs/default.yaml'
    cfg = yaml.safe_load(path.read_text())
    cfg.update(
        model=request.param,
        backbone_arch=dict(resnet='resnet50', convnext='convnext_tiny')[
            request.param
        ],
        pretrained=False,
        gfn_query_mode='batch',
        gfn_use_image_lut=False,
        gfn_num_sample=(1, 1),
        rpn_post_nms_topn_test=20,
        roi_head_score_thresh_test=0.0,
        roi_head_nms_thresh_test=NMS,
        roi_head_batch_size_train=EVERYTHING,
    )
    torch.manual_seed(0)
    model = part.SeqNeXt(cfg, oim_lut_size=NO_PERSON)
    spread(model.eval())
    return model


def spread(model):
    """Weights under which outputs differ from RoI to RoI."""
    frozen = torchvision.ops.misc.FrozenBatchNorm2d
    norms = (torch.nn.modules.batchnorm._BatchNorm, frozen)
    for name, part in model.named_modules():
        if isinstance(part, norms):
            torch.nn.init.uniform_(part.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
            if 'projectors' in name or 'fuser' in name:
                torch.nn.init.uniform_(part.weight, 0.5, 1.5)
                torch.nn.init.uniform_(part.bias, -0.3, 0.3)
        if isinstance(part, torchvision.ops.StochasticDepth):
            part.p = 0.0
        if hasattr(part, 'layer_scale'):
            torch.nn.init.uniform_(part.layer_scale, 0.1, 0.3)
    heads = model.roi_heads
    first, second = heads.faster_rcnn_predictor, heads.score_predictor
    for part in (model.rpn.head.bbox_pred, first.bbox_pred, second.bbox_pred):
        part.weight.data *= 1e-3
    for part in (model.rpn.head.cls_logits, first.cls_score, second.cls_score):
        part.weight.data *= 1e-2
    for rows in (heads.reid_loss.lut, heads.reid_loss.cq):
        rows.copy_(F.normalize(torch.randn(rows.shape)))
    # The fused vectors' own statistics, so that their cosines differ.
    with torch.no_grad():
        found = answers_of(model, random_images())
    queries = torch.cat([answer['gt_emb'] for answer in found])
    scenes = torch.cat([answer['scene_emb'] for answer in found])
    fused = scenes[:, None] * (queries / 0.2).sigmoid()
    norm = model.gfn.fuser.norm.norm
    norm.running_mean.copy_(fused.mean((0, 1)))
    norm.running_var.copy_(fused.var((0, 1)))


def answers_of(model, images):
    """Its answer to each picture; it tests one at a time."""
    return [
        model([image], [target], inference_mode='both')[0]
        for image, target in zip(theirs_of(images), targets_of())
    ]


@pytest.fixture(scope='module')
def converted(original):
    name = 'r50-c4' if hasattr(original.backbone.body, 'layer1') else ''
    config = model_config(f'seqnext_{name or "convnext-b"}')
    if not name:
        thin = dict(depths=(3, 3, 9, 3), dims=(96, 192, 384, 768))
        roi = config.roi_head
        tops = (roi.first_top, roi.shared_head, roi.gallery_filter.top)
        for part in (config.backbone, *tops):
            part.update(thin, drop_path_rate=0.0)
        config.rpn_head.update(in_channels=384, feat_channels=384)
        roi.bbox_roi_extractor.out_channels = 384
        roi.first_head.in_channels = roi.bbox_head.in_channels = 768
        roi.bbox_head.c4_channels = 384
    config.roi_head.loss_reid.queue_size = 5000
    config.test_cfg.rpn.max_per_img = 20
    for stage in (config.test_cfg.rcnn.first, config.test_cfg.rcnn):
        stage.score_thr = 0.0
    config.test_cfg.rcnn.first.nms.iou_threshold = NMS
    config.train_cfg.rcnn.sampler.num = EVERYTHING
    model = build(config)
    weights, _ = load_module(TOOL).convert(original.state_dict())
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    # Counters that frozen norms have here, and pictures of a training.
    assert all(
        key.endswith('num_batches_tracked') or '.scene_memory.' in key
        for key in missing
    )
    return model.eval()


def random_images():
    generator = torch.Generator().manual_seed(0)
    shape = (len(BOXES), 3, *SIZE)
    return torch.randint(0, 256, shape, generator=generator).byte()


@pytest.fixture(scope='module')
def images():
    return random_images()


def theirs_of(images):
    """RGB images as the original's loader normalises them."""
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return [(image.flip(0) / 255 - mean) / std for image in images]


def samples_of():
    samples = []
    for boxes, ids in zip(BOXES, IDS):
        meta = dict(img_shape=SIZE, ori_shape=SIZE, scale_factor=(1.0, 1.0))
        sample = DetDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(
            bboxes=boxes,
            labels=torch.zeros(len(ids), dtype=torch.long),
            person_ids=torch.tensor(ids),
        )
        samples.append(sample)
    return samples


def targets_of():
    strangers = iter(range(5555, 6000))
    return [
        dict(
            boxes=boxes.clone(),
            labels=torch.tensor(
                [NO_PERSON + 1 if i < 0 else i + 1 for i in ids]
            ),
            person_id=torch.tensor(
                [next(strangers) if i < 0 else i for i in ids]
            ),
            is_known=torch.tensor(ids) >= 0,
            image_id=torch.tensor(number),
        )
        for number, (boxes, ids) in enumerate(zip(BOXES, IDS))
    ]


@pytest.fixture(scope='module')
def answers(original, converted, images):
    """What both say of each picture."""
    with torch.no_grad():
        theirs = answers_of(original, images)
        ours = converted.test_step(
            dict(inputs=list(images), data_samples=samples_of())
        )
    return theirs, ours


def test_persons_are_found_and_embedded_alike(answers):
    for theirs, ours in zip(*answers):
        found = ours.pred_instances
        assert len(found) > 5
        assert_agrees(found.bboxes, theirs['det_boxes'])
        assert_agrees(found.scores, theirs['det_scores'])
        units = F.normalize(theirs['det_emb'])
        assert_agrees(found.embeddings, units)
        assert_agrees(ours.gt_instances.embeddings, theirs['gt_emb'])


def test_persons_and_pictures_score_alike(original, answers):
    theirs, ours = answers
    scenes = torch.cat([answer['scene_emb'] for answer in theirs])
    own = np.repeat(np.arange(len(BOXES)), list(map(len, IDS)))
    queries = torch.cat([answer['gt_emb'] for answer in theirs])
    with torch.no_grad():
        expected = original.gfn.get_scores(queries, scenes[own], scenes)
    found = scene_scores(
        torch.cat([a.gt_instances.embeddings for a in ours]).numpy(),
        own,
        np.stack([answer.scene.numpy() for answer in ours]),
    )
    assert expected.std() > 1e-2
    assert_agrees(torch.from_numpy(found), expected)


def test_losses_of_the_filter_are_alike(original, converted, images):
    """On the same features, with statistics of the batch."""
    normal = torch.stack(theirs_of(images))
    original.train()
    converted.train()
    head = converted.roi_head
    with torch.no_grad():
        features = original.backbone(normal)
        expected, _ = original.gfn(features, targets_of(), [SIZE] * 3)
        x = (features['feat_res4'],)
        rows = head.annotated_embeddings(x, samples_of())['roi']
        found = head.gallery_filter.loss(
            x,
            rows,
            torch.tensor(sum(IDS, [])),
            torch.tensor([0, 0, 0, 1, 1, 2]),
            torch.full((3,), -1),
        )
    original.eval()
    converted.eval()
    assert found > 1e-3
    assert_agrees(found, expected['gfn_loss'])


def test_losses_of_the_stages_are_alike(original, converted, images):
    normal = torch.stack(theirs_of(images[:2]))
    generator = torch.Generator().manual_seed(1)
    proposals = []
    for boxes in BOXES[:2]:
        many = torch.cat([boxes] * 5)
        shift = torch.rand(many.shape, generator=generator) - 0.5
        proposals.append((many + 16 * shift).clamp(min=0, max=128))
    original.train()
    converted.train()
    head = converted.roi_head
    with torch.no_grad():
        features = original.backbone(normal)
        _, expected = original.roi_heads(
            features, proposals, [SIZE] * 2, targets_of()[:2]
        )
        found = head.loss(
            (features['feat_res4'],),
            [InstanceData(bboxes=boxes) for boxes in proposals],
            samples_of()[:2],
        )
    original.eval()
    converted.eval()
    for theirs, ours, weight in (
        ('loss_proposal_cls', 'loss_first_cls', 1),
        ('loss_proposal_reg', 'loss_first_bbox', 10),
        ('loss_box_cls', 'loss_cls', 1),
        ('loss_box_reg', 'loss_bbox', 1),
        ('sim_loss', 'loss_reid', 1),
    ):
        assert_agrees(found[ours], weight * expected[theirs])


def test_numbers_of_parameters_differ_by_the_background(original, converted):
    def count(model):
        return sum(parameter.numel() for parameter in model.parameters())

    # Frozen norms have no parameters there.
    norms = [
        parameter
        for part in converted.modules()
        if isinstance(part, torch.nn.BatchNorm2d)
        for parameter in part.parameters()
    ]
    background = 4 * (converted.roi_head.first_head.in_channels + 1)
    assert count(original) - background == count(converted) - sum(
        parameter.numel() for parameter in norms
    )
