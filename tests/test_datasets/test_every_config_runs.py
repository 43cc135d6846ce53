"""Every configuration trains and validates on data in the form of the real.

The synthetic sets stand in the folders of the real ones; models and pictures
are shrunk, everything else is as shipped.
"""

from pathlib import Path

import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdet_ps.datasets import CropMosaicDataset, PersonConcatDataset

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / 'configs').glob('*/*.py')
    if path.parts[-2] != '_base_'
)
PICTURE = (160, 96)
CHANNELS = (
    'in_channels',
    'out_channels',
    'feat_channels',
    'channels',
    'c4_channels',
    'dims',
    'embed_dims',
)
# Losses of embeddings that have 256 dimensions unless told otherwise.
EMBEDDING = (
    'OIMLoss',
    'ClassifiedOIMLoss',
    'SoftmaxIdentityLoss',
    'MutualInformationLoss',
)
EIGHTH = 8
# Of the first stage of a backbone by stages that is not thin.
WIDE = 64


def parts_of(config):
    """Every dict in a configuration, the outer ones first."""
    found = [config]
    for part in found:
        values = part.values() if isinstance(part, dict) else part
        found.extend(v for v in values if isinstance(v, (dict, list, tuple)))
    return [part for part in found if isinstance(part, dict)]


def shrink_model(model):
    """No weights to fetch, few channels or few layers, few proposals."""
    parts = parts_of(model)
    full = all(map(can_be_narrowed, parts))
    for part in parts:
        part.pop('init_cfg', None)
        if part.get('depth') == 101:
            part.depth = 50
        for key in ('nms_pre', 'max_per_img'):
            if key in part:
                part[key] = min(part[key], 12)
        if str(part.get('type')).startswith('Staged'):
            for key in ('depths', 'num_layers'):
                if key in part:
                    part[key] = tuple(1 for _ in part[key])
        if part.get('type') == 'RandomSampler':
            part.num = min(part.num, 8)
        if full:
            narrow(part)


def can_be_narrowed(part):
    """Whether a part is neither thin already nor of a fixed width."""
    kind = str(part.get('type'))
    if kind.startswith('Staged'):
        return part.get('embed_dims', part.get('dims', [0])[0]) >= WIDE
    return 'base_channels' not in part and 'Shuffle' not in kind


def narrow(part):
    """An eighth of the channels of a layer, a head or a loss."""
    kind = part.get('type', '')
    if kind in ('ResNet', 'SplitResNet', 'SplitResNetTop'):
        part.base_channels = 64 // EIGHTH
    if kind in EMBEDDING:
        part.setdefault('embed_dims', 256)
    if kind == 'OccludedTransformer':
        for key, default in (
            ('in_channels', 1024),
            ('out_channels', 2048),
            ('embed_dims', 512),
        ):
            part.setdefault(key, default)
    for key in CHANNELS:
        if isinstance(part.get(key), int):
            part[key] //= EIGHTH
        elif key in part:
            part[key] = [channels // EIGHTH for channels in part[key]]


def shrink_loader(loader):
    """Small pictures, loaded here; the number of identities is the data's."""
    loader.update(num_workers=0, persistent_workers=False)
    if 'drop_last' in loader:
        loader.drop_last = False  # the tiny sets have less than a batch
    for part in parts_of(loader):
        if part.get('type') == 'Resize':
            part.scale = PICTURE
        elif part.get('type') == 'RandomChoiceResize':
            part.scales = [PICTURE]
        elif part.get('type') in ('RandomFocusedCrop', 'RandomSafeCrop'):
            part.size = min(PICTURE)
        elif part.get('type') == 'CropMosaicDataset':
            # Two identities in the smallest of the tiny sets.
            part.update(grid=(1, 2 * part.num_instances), tile_size=(64, 32))
        if 'num_identities' in part:
            part.num_identities = None


def check_held_out(dataset):
    """Held-out pictures come once, however the set is put together."""
    if isinstance(dataset, PersonConcatDataset):
        for source in dataset.datasets:
            check_held_out(source)
    elif isinstance(dataset, CropMosaicDataset):
        assert len(dataset) * 2 <= len(dataset.dataset) + 1
    else:
        paths = [
            dataset.get_data_info(k)['img_path'] for k in range(len(dataset))
        ]
        assert len(set(paths)) == len(paths)


def train_step(cfg, model):
    """Losses of one step on the first batch."""
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    log = model.train().train_step(next(iter(loader)), wrapper)
    return {key: float(value.detach()) for key, value in log.items()}


def val_step(cfg, model):
    """Figures of the first held-out picture of each kind, if they suffice."""
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    check_held_out(dataset)
    evaluator = Evaluator(cfg.val_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    first = [0]
    if isinstance(dataset, PersonConcatDataset):
        first = [0, *dataset.cumulative_sizes[:-1]]
    model.eval()
    for index in first:
        batch = {key: [value] for key, value in dataset[index].items()}
        evaluator.process(model.val_step(batch), batch)
    metric = evaluator.metrics[0]
    assert len(metric.results) == len(first)
    if len(first) > 1:  # the others score whole test sets
        return metric.compute_metrics(metric.results)
    return {}


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_step_of_training_and_of_validation(path, synthetic, monkeypatch):
    if 'six-sources' in path.stem:
        pytest.importorskip('h5py')
    root = synthetic['PRW'].root.parent
    monkeypatch.setenv('DATA_ROOT', str(root))
    cfg = Config.fromfile(ROOT / path)
    shrink_model(cfg.model)
    shrink_loader(cfg.train_dataloader)
    shrink_loader(cfg.val_dataloader)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
        model.init_weights()
        losses = train_step(cfg, model)
        figures = val_step(cfg, model)
    assert losses['loss'] > 0
    values = [*losses.values(), *figures.values()]
    assert all(torch.isfinite(torch.tensor(values)))
