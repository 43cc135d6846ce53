"""Every shipped configuration parses, is named by the grammar, and builds."""

import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmdet_ps  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / 'configs').glob('*/*.py')
    if path.parts[-2] != '_base_'
)
# {method}_{backbone and parts}_{gpus}xb{batch}-{schedule}[_...]_{dataset}
NAME = re.compile(
    r'[a-z0-9-]+_[a-z0-9-]+_\d+xb\d+-\d+[ek]?(_pretrain-[a-z]+)?_[a-z0-9-]+'
)


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_name_and_length(path):
    assert NAME.fullmatch(path.stem), 'not {method}_{parts}_{run}_{dataset}'
    assert len(path.stem) <= 70


PRETRAININGS = [path for path in CONFIGS if 'hybrid-pretrain_' in path.stem]


@pytest.mark.parametrize('path', PRETRAININGS, ids=str)
def test_a_pretraining_is_named_by_the_number_of_its_sources(path):
    cfg = Config.fromfile(ROOT / path)
    number = dict(four=4, six=6)[path.stem.split('_')[-1].split('-')[0]]
    assert len(cfg.train_dataloader.dataset.datasets) == number
    assert len(cfg.train_dataloader.sampler.source_ratio) == number


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_model_builds(path):
    cfg = Config.fromfile(ROOT / path)
    assert cfg.default_scope == 'mmdet'
    init_default_scope('mmdet')
    # On the meta device nothing is allocated; building checks every argument.
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert sum(p.numel() for p in model.parameters()) > 0
