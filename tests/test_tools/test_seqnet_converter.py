"""tools/model_converters/seqnet.py on a checkpoint as SeqNet saves it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.test_golden.golden import load_module
from tests.test_models.thin_methods import thin_config
from tests.test_models.two_stage import build

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/model_converters/seqnet.py'
converter = load_module(TOOL)
# Ours -> original, the other way round and written independently.
ORIGINAL = [
    ('rpn_head.rpn_conv', 'rpn.head.conv.0.0'),
    ('rpn_head.rpn_cls', 'rpn.head.cls_logits'),
    ('rpn_head.rpn_reg', 'rpn.head.bbox_pred'),
    ('roi_head.first_top', 'roi_heads.box_head'),
    ('roi_head.first_head.fc_cls',
     'roi_heads.faster_rcnn_predictor.cls_score'),
    ('roi_head.first_head.fc_reg',
     'roi_heads.faster_rcnn_predictor.bbox_pred'),
    ('roi_head.shared_head', 'roi_heads.reid_head'),
    ('roi_head.bbox_head.fc_reg', 'roi_heads.box_predictor.bbox_pred'),
    ('roi_head.bbox_head.embedding.projections.0',
     'roi_heads.embedding_head.projectors.feat_res4'),
    ('roi_head.bbox_head.embedding.projections.1',
     'roi_heads.embedding_head.projectors.feat_res5'),
    ('roi_head.bbox_head.norm_scale', 'roi_heads.embedding_head.rescaler'),
    ('roi_head.loss_reid.memory.lookup_table', 'roi_heads.reid_loss.lut'),
    ('roi_head.loss_reid.memory.queue', 'roi_heads.reid_loss.cq'),
]  # fmt: skip


@pytest.fixture(scope='module')
def model():
    config = thin_config('seqnet')
    config.roi_head.loss_reid.num_identities = 483
    return build(config)


def original_state(model):
    """The model's weights in the layout of SeqNet, on PRW."""
    state = {}
    for key, value in model.state_dict().items():
        if key.endswith(('memory.count', 'memory.tail')):
            continue
        if '.first_head.fc_cls.' in key:
            value = value.flip(0)
        elif '.fc_reg.' in key and value.ndim:
            value = torch.cat([torch.full_like(value, 7.0), value])
        elif key.endswith('lookup_table'):
            # Each row says which of PRW's persons it is.
            value = torch.arange(1.0, 483)[:, None].expand(-1, value.size(1))
        elif key.endswith('.queue'):
            value = torch.zeros_like(value)
            value[:3] = 1
        for ours, theirs in ORIGINAL:
            key = re.sub('^' + re.escape(ours), theirs, key)
        state[key] = value
    return state


def test_the_published_form_converts_and_loads(model, tmp_path):
    source, target = tmp_path / 'epoch_19.pth', tmp_path / 'converted.pth'
    torch.save(
        dict(model=original_state(model), optimizer={}, epoch=19), source
    )
    result = subprocess.run(
        [sys.executable, TOOL, source, target], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert 'row 478' in result.stdout
    weights = torch.load(target)['state_dict']
    expected = model.state_dict()
    assert weights.keys() == expected.keys()
    for key, value in expected.items():
        if '.memory.' not in key:
            torch.testing.assert_close(weights[key], value, msg=key)
    memory = 'roi_head.loss_reid.memory.'
    assert (weights[memory + 'tail'], weights[memory + 'count']) == (3, 3)


def test_every_person_of_prw_keeps_the_own_row(model):
    weights, _ = converter.convert(original_state(model))
    table = weights['roi_head.loss_reid.memory.lookup_table']
    # The numbers of PRW's training persons, in order, are the rows here.
    numbers = [*range(1, 479), *range(480, 484), 932]
    rows = [n if n <= 482 else 0 for n in numbers]  # the last two have none
    assert table[:, 0].tolist() == rows


def test_a_file_of_another_project_is_one_line(tmp_path, run_here):
    source = tmp_path / 'other.pth'
    torch.save(dict(model={'encoder.weight': torch.ones(1)}), source)
    result = run_here(TOOL, source, tmp_path / 'out.pth')
    assert result.returncode == 1
    assert result.stderr.startswith('error: ')
    assert 'Traceback' not in result.stderr
    assert not (tmp_path / 'out.pth').exists()
