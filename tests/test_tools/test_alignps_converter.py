"""tools/model_converters/alignps.py on checkpoints in the original layout."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.test_golden.golden import load_module
from tests.test_models.tiny_alignps import WIDTH, tiny_model

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/model_converters/alignps.py'
converter = load_module(TOOL)
# Ours -> original, the other way round and written independently.
ORIGINAL = [
    (r'^bbox_head\.loss_reid\.memory\.lookup_table', 'bbox_head.labeled_'
     'matching_layer.lookup_table'),
    (r'^bbox_head\.loss_reid\.memory\.', 'bbox_head.unlabeled_matching_'
     'layer.'),
    (r'^roi_head\.loss_reid\.memory\.lookup_table', 'roi_head.bbox_head.'
     'loss_oim.lut'),
    (r'^roi_head\.loss_reid\.memory\.queue', 'roi_head.bbox_head.'
     'loss_oim.cq'),
    (r'^roi_head\.bbox_head\.embedding\.projections', 'roi_head.bbox_head.'
     'embedding_head.projectors'),
    (r'^roi_head\.bbox_head\.norm_scale', 'roi_head.bbox_head.'
     'embedding_head.rescaler'),
    (r'^mutual_information\.network', 'mi_estimator.T_func'),
]  # fmt: skip
DEAD = [
    'loss_oim.lut',
    'loss_oim.cq',
    'labeled_matching_layer.lookup_table',
    'unlabeled_matching_layer.queue',
    'unlabeled_matching_layer.tail',
    'roi_head.bbox_head.fc_cls.weight',
    'roi_head.bbox_head.fc_cls.bias',
]


def original_state(model):
    """The model's weights (and two strangers) in the original layout."""
    state = {}
    for key, value in model.state_dict().items():
        if key.endswith(('.count', 'roi_head.loss_reid.memory.tail')):
            continue
        value = (
            torch.randn(value.shape) if value.is_floating_point() else value
        )
        if key.endswith('.queue'):
            value[2:] = 0
        for pattern, name in ORIGINAL:
            key = re.sub(pattern, name, key)
        state[key] = value
    return state


@pytest.mark.parametrize('roi', [False, True])
@pytest.mark.parametrize('dcn', [False, True])
def test_every_model_loads_strictly(roi, dcn):
    changes = {}
    if dcn:  # the "+" models
        dcn = dict(type='DCNv2', deform_groups=1, fallback_on_stride=False)
        changes = dict(
            backbone=dict(
                depth=50, dcn=dcn, stage_with_dcn=(False, True, True, True)
            ),
            neck=dict(in_channels=[32, 64, 128, 256]),
        )
    model = tiny_model(roi=roi, plain=False, **changes)
    state = original_state(model)
    dead = dict.fromkeys(DEAD if roi else [], torch.zeros(1))
    converted, dropped = converter.convert({**state, **dead})
    assert dropped == list(dead)
    model.load_state_dict(converted, strict=True)
    memory = model.bbox_head.loss_reid.memory
    assert memory.count == 2
    assert torch.equal(
        memory.lookup_table,
        state['bbox_head.labeled_matching_layer.lookup_table'],
    )


def test_memories_can_be_emptied():
    state = original_state(tiny_model(roi=True))
    converted, _ = converter.convert(state, reset_memories=True)
    memories = {k: v for k, v in converted.items() if '.memory.' in k}
    assert len(memories) == 8
    assert all(not value.any() for value in memories.values())
    assert memories['roi_head.loss_reid.memory.queue'].shape[1] == WIDTH


def run(*args):
    command = [sys.executable, '-W', 'ignore', str(TOOL), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_command_line(tmp_path):
    source, target = tmp_path / 'old.pth', tmp_path / 'new' / 'new.pth'
    state = original_state(tiny_model())
    torch.save({'state_dict': state, 'meta': {'epoch': 24}}, source)
    done = run(source, target)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in target.parent.iterdir()] == ['new.pth']
    content = torch.load(target, weights_only=True)
    assert content['meta']['dataset_meta'] == dict(classes=('person',))


def test_bad_files_are_explained_in_one_line(tmp_path, run_here):
    empty, other = tmp_path / 'empty.pth', tmp_path / 'other.pth'
    empty.write_bytes(b'')
    torch.save({'state_dict': {'fc.weight': torch.zeros(1)}}, other)
    alien = tmp_path / 'alien.pth'
    state = original_state(tiny_model())
    torch.save({**state, 'mask_head.weight': torch.zeros(1)}, alien)
    for source, word in (
        (tmp_path / 'none.pth', 'no such file'),
        (empty, 'empty.pth'),
        (other, 'original AlignPS code'),
        (alien, 'mask_head.weight'),
    ):
        done = run_here(TOOL, source, tmp_path / 'out.pth')
        assert done.returncode != 0
        assert word in done.stderr and 'Traceback' not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / 'out.pth').exists()
