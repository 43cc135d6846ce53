"""tools/model_converters/gfn.py on a checkpoint as GFN saves it."""

import re
from pathlib import Path

import pytest
import torch

from tests.test_golden.golden import load_module
from tests.test_models.thin_methods import thin_config
from tests.test_models.two_stage import build

TOOL = Path(__file__).parents[2] / 'tools/model_converters/gfn.py'
converter = load_module(TOOL)
# Ours -> original, the other way round and written independently.
ORIGINAL = [
    ('backbone', 'backbone.body'),
    ('rpn_head.rpn_conv', 'rpn.head.conv.0.0'),
    ('rpn_head.rpn_cls', 'rpn.head.cls_logits'),
    ('rpn_head.rpn_reg', 'rpn.head.bbox_pred'),
    ('roi_head.first_top.layer4', 'roi_heads.prop_head.head'),
    ('roi_head.first_head.fc_cls',
     'roi_heads.faster_rcnn_predictor.cls_score'),
    ('roi_head.first_head.fc_reg',
     'roi_heads.faster_rcnn_predictor.bbox_pred'),
    ('roi_head.shared_head.layer4', 'roi_heads.reid_head.head'),
    ('roi_head.bbox_head.fc_cls', 'roi_heads.score_predictor.cls_score'),
    ('roi_head.bbox_head.fc_reg', 'roi_heads.score_predictor.bbox_pred'),
    ('roi_head.bbox_head.embedding.projections.0',
     'roi_heads.embedding_head.projectors.feat_res4'),
    ('roi_head.bbox_head.embedding.projections.1',
     'roi_heads.embedding_head.projectors.feat_res5'),
    ('roi_head.gallery_filter.top.layer4', 'gfn.head.image_reid_head.head'),
    ('roi_head.gallery_filter.embedding.projections.0',
     'gfn.head.image_emb_head.projectors.feat_res4'),
    ('roi_head.gallery_filter.embedding.projections.1',
     'gfn.head.image_emb_head.projectors.feat_res5'),
    ('roi_head.gallery_filter.norm', 'gfn.fuser.norm.norm'),
    ('roi_head.loss_reid.memory.lookup_table', 'roi_heads.reid_loss.lut'),
    ('roi_head.loss_reid.memory.queue', 'roi_heads.reid_loss.cq'),
]  # fmt: skip
# Modules that have a second name there.
COPIES = {
    'roi_heads.reid_head': ('roi_heads.box_head', 'gfn.query_reid_head'),
    'roi_heads.embedding_head': ('gfn.query_emb_head',),
    'roi_heads.reid_loss': ('gfn.reid_loss',),
    'gfn': ('roi_heads.gfn',),
}


@pytest.fixture(scope='module')
def model():
    return build(thin_config('seqnext'))


def original_state(model):
    """The model's weights in the layout of GFN, on ResNet."""
    state = {}
    for key, value in model.state_dict().items():
        if re.search(r'memory\.(count|tail)$|scene_memory', key):
            continue
        if 'first_head.fc_cls' in key:
            value = value.flip(0)
        elif 'first_head.fc_reg' in key:
            value = torch.cat([torch.full_like(value, 7.0), value])
        for ours, theirs in ORIGINAL:
            key = re.sub('^' + re.escape(ours), theirs, key)
        state[key] = value
    for part, copies in COPIES.items():
        for key in [k for k in state if k.startswith(f'{part}.')]:
            for copy in copies:
                state[copy + key.removeprefix(part)] = state[key]
    return state


def test_the_published_form_converts_and_loads(model):
    weights, dropped = converter.convert(original_state(model))
    expected = {
        key: value
        for key, value in model.state_dict().items()
        if 'scene_memory' not in key
    }
    assert weights.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(weights[key], value, msg=key)
    assert any(key.startswith('roi_heads.gfn.') for key in dropped)


def test_a_key_of_another_project_is_told():
    with pytest.raises(KeyError, match='encoder.weight'):
        converter.convert({'encoder.weight': torch.ones(1)})
