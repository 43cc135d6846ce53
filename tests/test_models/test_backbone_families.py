"""Which backbone works with which method: all do. The table of
docs/backbones.md is made of these tests."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper

from mmdet_ps.models.backbones import StagedBackbone
from mmdet_ps.utils.pretrained_weights import (
    format_weights,
    roi_stages,
    spread_backbone,
    top_stages,
)
from tests.tiny_search_detector import branch_batch, make_sample

from .backbone_families import FAMILIES, PAIRS, on_backbone
from .thin_methods import METHODS, thin_config
from .two_stage import batch, build, losses_of

pytest.importorskip('timm')

ROOT = Path(__file__).parents[2]
PAGE = ROOT / 'docs/backbones.md'
SCHEDULE = ROOT / 'configs/_base_/schedules/adamw_20e.py'
(PRETRAINING,) = ROOT.glob('configs/synthetic/hybrid-pretrain_nae-r18-c4_*.py')
TITLES = {
    'oim': 'OIM',
    'nae': 'NAE',
    'bsl': 'BSL',
    'seqnet': 'SeqNet',
    'coat': 'COAT',
    'seqnext': 'SeqNeXt',
    'alignps': 'AlignPS',
    'roi-alignps': 'ROI-AlignPS',
}


def model_of(method, family):
    model = build(on_backbone(method, family))
    model.init_weights()
    return model


@pytest.mark.parametrize(
    'method, family',
    [
        pytest.param(
            *pair,
            marks=() if pair[0] in ('nae', 'alignps') else pytest.mark.slow,
        )
        for pair in PAIRS
    ],
)
def test_trains_and_copes_with_nobody(method, family):
    model = model_of(method, family).train()
    losses = losses_of(model, batch([3, 5, -1], [-1, 7]))
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()
    own = {
        key: parameter
        for key, parameter in model.named_parameters()
        if re.search(r'^backbone|top\.|shared_head', key)
    }
    # Every layer of the backbone learns, and no parameter is left over,
    # which several processes would wait for.
    assert len(own) > 20
    assert all(p.grad is not None for p in own.values())
    still = [k for k, p in own.items() if not p.grad.any()]
    assert all(key.endswith('bias') for key in still), still

    total, _ = model.parse_losses(losses_of(model, batch([], [])))
    assert torch.isfinite(total)
    total.backward()

    model.eval()
    with torch.no_grad():
        (found, _) = model.test_step(batch([], [4]))
    embeddings = found.pred_instances.embeddings
    assert torch.isfinite(embeddings).all()
    boxes = [torch.tensor([[10.0, 10, 40, 70]]), torch.zeros(0, 4)]
    data = model.data_preprocessor(batch([], [4]), training=False)
    with torch.no_grad():
        rows, none = model.embed_boxes(
            data['inputs'], data['data_samples'], boxes
        )
    assert rows.shape == (1, embeddings.shape[1]) and len(none) == 0


@pytest.mark.parametrize('family', FAMILIES)
def test_a_pretrained_backbone_fills_every_method(family, tmp_path):
    """Formatted as after a pre-training, it comes back by ``load_from`` and
    by ``init_cfg``, the last stage as it learnt on RoIs."""
    torch.manual_seed(3)
    source = model_of('nae', family)
    for parameter in source.parameters():
        torch.nn.init.normal_(parameter)
    state = {f'detector.{k}': v for k, v in source.state_dict().items()}
    backbone, on_rois = format_weights(state, 'backbone'), roi_stages(state)
    assert on_rois == {}
    # COAT's own layers on regions are called tops, too, but are no stages.
    assert top_stages(build(thin_config('coat')).state_dict()) == {}
    path = tmp_path / 'pretrained_backbone.pth'
    torch.save({'state_dict': backbone}, path)
    for method in METHODS:
        config = on_backbone(method, family)
        if method == 'nae':
            pretrained = dict(type='Pretrained', checkpoint=str(path))
            config['backbone']['init_cfg'] = pretrained
            config['roi_head']['shared_head']['init_cfg'] = pretrained
            model = build(config)
            model.init_weights()
            for part in ('backbone.', 'roi_head.shared_head.'):
                for key, value in model.state_dict().items():
                    if key.startswith(part):
                        expected = source.state_dict()[key]
                        assert torch.equal(value, expected), key
        model = build(config)
        wanted = model.state_dict()
        parts = tuple(
            f'{name}.'
            for name, part in model.named_modules()
            if isinstance(part, StagedBackbone)
        )
        spread = spread_backbone(backbone, wanted)
        # All of the backbone and every top, but for what only a whole has
        # and what depends on the size of patches.
        lacking = [
            key
            for key in wanted
            if key.startswith(parts)
            and (key not in spread or spread[key].shape != wanted[key].shape)
        ]
        assert all(
            re.search(r'norm[0-2]\.|pyramid\.|pos_embed|patch_embed', key)
            for key in lacking
        ), lacking


@pytest.mark.parametrize('family', FAMILIES)
def test_hybrid_pretraining_takes_every_family(family):
    config = Config.fromfile(PRETRAINING).model
    detector = on_backbone('nae', family)
    detector.roi_head.loss_reid = config.detector.roi_head.loss_reid
    config.detector = detector
    model = build(config)
    model.init_weights()
    data = branch_batch(
        det=[make_sample([[10, 10, 40, 80]], [-1], 'crowdhuman', (96, 128))],
        reid=[make_sample([[10, 10, 40, 80]], [3], 'market1501', (96, 128))],
    )
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    log = model.train_step(data, optimizer)
    assert all(torch.isfinite(value).all() for value in log.values())


@pytest.mark.parametrize('family', FAMILIES)
def test_the_recipe_decays_matrices_alone(family):
    model = model_of('nae', family)
    wrapper = build_optim_wrapper(
        model, Config.fromfile(SCHEDULE).optim_wrapper
    )
    decay = {
        id(p): group['weight_decay']
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }
    others = re.compile(r'bias|norm|gamma|pos_embed')
    for key, parameter in model.backbone.named_parameters():
        if parameter.ndim > 1 and not others.search(key):
            assert decay[id(parameter)] == 0.05, key
        elif others.search(key):
            assert decay[id(parameter)] == 0, key


# Published sizes less those of the classifier (and its norm, of ConvNeXt).
SIZES = [
    ('StagedSwin', {}, 28_288_354 - 769_000 - 1_536),
    ('StagedPVT', {}, 25_362_856 - 513_000),
    ('StagedConvNeXt', {}, 28_589_128 - 769_000 - 1_536),
    (
        'StagedConvNeXt',
        dict(depths=(3, 3, 27, 3), dims=(128, 256, 512, 1024)),
        88_591_464 - 1_025_000 - 2_048,
    ),
]


@pytest.mark.parametrize('kind, options, size', SIZES)
def test_full_models_have_their_published_size(kind, options, size):
    with torch.device('meta' if 'ConvNeXt' in kind else 'cpu'):
        parts = [
            build(dict(type=kind, part=part, **options))
            for part in ('stem', 'top')
        ]
    norms = [
        parameter
        for part in parts
        for key, parameter in part.named_parameters()
        if re.match(r'norm\d', key)
    ]
    numbers = [
        sum(parameter.numel() for parameter in found)
        for found in (norms, *(part.parameters() for part in parts))
    ]
    assert sum(numbers[1:]) - numbers[0] == size


@pytest.mark.parametrize('family', FAMILIES)
def test_mixed_precision(family):
    model = model_of('nae', family).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = losses_of(model, batch([3, 5, -1], [-1, 7]))
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert all(p.grad is not None for p in model.backbone.parameters())


def test_the_page_has_the_table_of_these_tests():
    rows = re.findall(r'^\| (\S+) \|((?: yes \|)+)$', PAGE.read_text(), re.M)
    assert [name for name, _ in rows] == [TITLES[m] for m in METHODS]
    # ResNet and ShuffleNet are tested with their methods.
    assert all(cells.count('yes') == len(FAMILIES) + 1 for _, cells in rows)
