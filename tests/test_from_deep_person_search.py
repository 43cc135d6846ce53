"""The options that docs/from_deep_person_search.md gives do exist."""

import argparse
import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config, DictAction
from mmengine.registry import DefaultScope

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / 'docs' / 'from_deep_person_search.md'
BSL = 'bsl/bsl_r50-c4_1xb5-7e_prw.py'
OIM = 'oim/oim_r50-c4_1xb5-7e_prw.py'
NEW = {'clip_grad', 'max_norm', 'c4_channels', 'detection_score_thr'}

OPTIONS = [
    (BSL, 'train_dataloader.batch_size=3'),
    (BSL, 'train_dataloader.dataset.flipped_copies=False'),
    (BSL, 'train_dataloader.dataset.pipeline.2.scales=[(1500,900)]'),
    (BSL, 'test_dataloader.dataset.pipeline.1.scale=(1500,900)'),
    (BSL, 'val_dataloader.dataset.pipeline.1.scale=(1500,900)'),
    (BSL, 'model.data_preprocessor.bgr_to_rgb=True'),
    (BSL, 'model.test_cfg.gt_boxes_as_detections=True'),
    (BSL, 'model.test_cfg.confidence_weighted=True'),
    (BSL, 'optim_wrapper.parts.det.optimizer.lr=0.001'),
    (BSL, 'optim_wrapper.parts.reid.optimizer.lr=0.001'),
    (BSL, 'optim_wrapper.parts.det.bias.weight_decay=0.0001'),
    (OIM, 'optim_wrapper.optimizer.lr=0.001'),
    (OIM, 'optim_wrapper.clip_grad.max_norm=20'),
    (BSL, 'train_cfg.max_epochs=9'),
    (BSL, 'train_cfg.val_interval=1'),
    (BSL, "model.roi_head.reid_head.levels=('C4','C5')"),
    (OIM, 'model.roi_head.bbox_head.c4_channels=1024'),
    (BSL, 'test_evaluator.detection_score_thr=0.5'),
    (BSL, 'model.rpn_head.anchor_generator.sizes=[32,64,128,256,512]'),
    (BSL, 'model.rpn_head.anchor_generator.ratios=[0.5,1,2]'),
    (BSL, 'model.train_cfg.rpn.assigner.pos_iou_thr=0.6'),
    (BSL, 'model.train_cfg.rpn.sampler.num=128'),
    (BSL, 'model.train_cfg.rpn_proposal.nms.iou_threshold=0.6'),
    (BSL, 'model.test_cfg.rpn.max_per_img=200'),
    (BSL, 'model.train_cfg.rcnn.sampler.num=32'),
    (BSL, 'model.train_cfg.rcnn.assigner.pos_iou_thr=0.6'),
    (BSL, 'model.train_cfg.rcnn.reid_sampler.num_per_person=2'),
    (BSL, 'model.test_cfg.rcnn.score_thr=0.1'),
    (OIM, 'model.roi_head.bbox_head.bbox_coder.weights=(1,1,1,1)'),
    (BSL, 'randomness.seed=3'),
]


@pytest.fixture(scope='module')
def configs():
    return {
        name: Config.fromfile(ROOT / 'configs' / name) for name in (BSL, OIM)
    }


def given(text):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', text]).cfg_options


@pytest.mark.parametrize('name, option', OPTIONS, ids=lambda x: x[:60])
def test_options_change_what_is_there(configs, name, option):
    cfg = Config(configs[name]._cfg_dict.to_dict())
    ((path, value),) = given(option).items()
    place = cfg
    *way, last = path.split('.')
    for part in way:
        if part in NEW or part == 'randomness':
            break
        place = place[int(part) if part.isdigit() else part]
    else:
        assert last in place or last in NEW, f'no {path} to change'
        assert not isinstance(value, str)
    cfg.merge_from_dict({path: value})
    if path.startswith('model.'):
        with (
            torch.device('meta'),
            DefaultScope.overwrite_default_scope('mmdet'),
        ):
            MODELS.build(cfg.model)


def test_files_named_in_the_guide_exist():
    text = GUIDE.read_text()
    for path in re.findall(r'`((?:configs|tools)/[\w/.-]+\.(?:py|sh))', text):
        assert (ROOT / path).is_file(), path
    for stem in re.findall(r'`(configs/[\w/-]+_)\.\.\.`', text):
        assert list(ROOT.glob(f'{stem}*.py')), stem
    for path in re.findall(r'`_base_/([\w/-]+\.py)', text):
        assert (ROOT / 'configs' / '_base_' / path).is_file(), path


def test_every_option_named_here_is_in_the_guide():
    text = GUIDE.read_text()
    for _, option in OPTIONS:
        last = option.split('=')[0].split('.')[-1]
        assert last in text, f'{last} is not explained'
