import pytest
import torch

from mmdet_ps.utils.checkpoint import CheckpointError
from mmdet_ps.utils.pretrained_weights import (
    format_weights,
    roi_stages,
    spread_backbone,
)

TWO_STAGE = {
    'backbone.conv1.weight': 1,
    'backbone.layer3.0.weight': 2,
    'neck.lateral.weight': 3,
    'rpn_head.weight': 4,
    'roi_head.reid_head.top.layer3.1.weight': 5,
    'roi_head.reid_head.top.layer4.0.weight': 6,
    'roi_head.reid_head.losses.C5.memory.queue': 7,
    'roi_head.loss_reid.memory.lookup_table': 8,
    'roi_head.bbox_head.embedding.weight': 9,
}
TWO_STAGE = {key: torch.tensor([value]) for key, value in TWO_STAGE.items()}
PRETRAINING = {
    **{f'detector.{key}': value for key, value in TWO_STAGE.items()},
    'alignment.levels.det_image.queue.features': torch.zeros(1),
}


def values(weights):
    return {key: int(value) for key, value in weights.items()}


@pytest.mark.parametrize('state', [TWO_STAGE, PRETRAINING])
def test_the_backbone_has_all_its_stages_and_no_prefix(state):
    assert values(format_weights(state, 'backbone')) == {
        'conv1.weight': 1,
        'layer3.0.weight': 2,
        'layer3.1.weight': 5,
        'layer4.0.weight': 6,
    }


@pytest.mark.parametrize('state', [TWO_STAGE, PRETRAINING])
def test_neck_and_all(state):
    assert sorted(values(format_weights(state, 'neck')).values()) == [1, 2, 3]
    kept = values(format_weights(state, 'all'))
    assert sorted(kept.values()) == [1, 2, 3, 4, 5, 6, 9]
    assert all(key in TWO_STAGE for key in kept)


def test_a_backbone_finds_its_places_in_a_two_stage_detector():
    backbone = format_weights(PRETRAINING, 'backbone')
    for prefix in ('', 'detector.'):
        wanted = {prefix + key: value for key, value in TWO_STAGE.items()}
        assert values(spread_backbone(backbone, wanted, prefix)) == {
            prefix + key: int(value)
            for key, value in TWO_STAGE.items()
            if int(value) in (1, 2, 5, 6)
        }


def test_weights_without_a_backbone_are_an_error():
    with pytest.raises(CheckpointError, match='no backbone'):
        format_weights({'fc.weight': torch.zeros(1)}, 'all')


def test_a_stage_that_a_detector_has_twice_is_filled_twice():
    wanted = {
        'backbone.layer4.0.weight': torch.zeros(1),
        'roi_head.shared_head.layer4.0.weight': torch.zeros(1),
    }
    backbone = {'layer4.0.weight': torch.ones(1)}
    assert values(spread_backbone(backbone, wanted)) == dict.fromkeys(
        wanted, 1
    )


TWICE = {
    'backbone.layer3.0.weight': torch.tensor([1]),
    'backbone.layer4.0.weight': torch.tensor([2]),
    'roi_head.shared_head.layer4.0.weight': torch.tensor([3]),
}


@pytest.mark.parametrize('prefix', ['', 'detector.'])
def test_a_stage_trained_on_rois_goes_to_the_roi_head(prefix):
    state = {prefix + key: value for key, value in TWICE.items()}
    backbone, on_rois = format_weights(state, 'backbone'), roi_stages(state)
    # The published form: one last stage, that of the backbone.
    assert values(backbone) == {'layer3.0.weight': 1, 'layer4.0.weight': 2}
    assert values(on_rois) == {'layer4.0.weight': 3}
    assert roi_stages(TWO_STAGE) == {}
    # ROI-AlignPS gets both of its own, the others the one for RoIs.
    assert values(spread_backbone(backbone, TWICE, '', on_rois)) == values(
        TWICE
    )
    wanted = dict(TWICE)
    del wanted['backbone.layer4.0.weight']
    assert values(spread_backbone(backbone, wanted, '', on_rois)) == values(
        wanted
    )


def test_the_last_stage_of_every_family_is_told_by_its_module():
    stages = [
        'layer4.0.conv1.weight',  # ResNet
        'layers.2.0.weight',  # ShuffleNet
        'stages.3.blocks.0.norm.weight',  # ConvNeXt, Swin
        'stages.2.downsample.norm.weight',
        'semantic_embed_w.2.weight',
        'layers.3.1.0.ffn.layers.4.weight',  # PVT
        'blocks.11.attn.qkv.weight',  # a plain vision transformer
        'norm3.weight',
    ]
    for place in ('shared_head', 'first_top', 'reid_head.top'):
        state = {'backbone.x': torch.zeros(1)} | {
            f'roi_head.{place}.{key}': torch.ones(1) for key in stages
        }
        kept = format_weights(state, 'backbone')
        assert sorted(kept) == sorted(['x', *stages])
    # A head's own layers of the same names are no stages of a backbone.
    state = {'backbone.x': torch.zeros(1)} | {
        f'roi_head.bbox_head.{key}': torch.ones(1) for key in stages[2:]
    }
    assert sorted(format_weights(state, 'backbone')) == ['x']
