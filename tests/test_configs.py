"""Every shipped configuration is short to read and does what it says."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmdet_ps.registration  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
BASES = ROOT / 'configs/_base_'
CONFIGS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / 'configs').glob('*/*.py')
    if path.parts[-2] != '_base_'
)
# {method}_{backbone and parts}_{gpus}xb{batch}-{schedule}[_...]_{dataset}
NAME = re.compile(
    r'[a-z0-9-]+_[a-z0-9-]+_\d+xb\d+-\d+[ek]?(_pretrain-[a-z]+)?_[a-z0-9-]+'
)
# A number of the block at the top, on one line or in brackets over several.
NUMBER = re.compile(
    r'^_base_\.(?P<key>\S+) = (?P<value>\[\n.*?^\]|[^\n]*)', re.M | re.S
)
EXAMPLE = Path('configs/nae/nae_r50-c4_1xb5-7e_prw.py')


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_name_and_length(path):
    assert NAME.fullmatch(path.stem), 'not {method}_{parts}_{run}_{dataset}'
    assert len(path.stem) <= 70


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_every_training_can_be_killed_and_resumed(path):
    hooks = Config.fromfile(ROOT / path).default_hooks
    assert hooks.checkpoint.type == 'WholeCheckpointHook'
    assert hooks.exact_resume.type == 'ExactResumeHook'


def bases_of(path):
    return [
        (path.parent / base).resolve() for base in Config._get_base_files(path)
    ]


def levels(path):
    return 1 + max([levels(base) for base in bases_of(path)], default=0)


def files(path):
    return {path}.union(*(files(base) for base in bases_of(path)))


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_a_reader_opens_few_files(path):
    """Thin models are made of full ones, small sets of the real ones."""
    path = ROOT / path
    assert levels(path) <= 3
    derived = len(bases_of(path)) == 1
    # A model on another backbone changes the method's on a ResNet.
    derived |= any(bases_of(base) for base in bases_of(path))
    thin = 'synthetic' in path.parts or 'hybrid_pretrain' in path.parts
    assert len(files(path)) <= (8 if thin else 6 if derived else 5)


def test_a_schedule_inherits_nothing():
    for path in (BASES / 'schedules').glob('*.py'):
        assert not bases_of(path), path.name


def test_numbers_of_a_dataset_stand_in_its_file_alone():
    numbers = re.compile(r'\b(483|5532|5474|2559)\b|num_identities=\d')
    for path in (ROOT / 'configs').rglob('*.py'):
        if path.parent != BASES / 'datasets':
            assert not numbers.search(path.read_text()), path


def test_the_search_sets_differ_in_folder_protocol_and_numbers_alone():
    template = Config.fromfile(BASES / 'datasets/person_search.py')
    for name in ('cuhk_sysu', 'prw', 'posetrack21'):
        cfg = Config.fromfile(BASES / f'datasets/{name}.py')
        for stage in ('train', 'val', 'test'):
            loader = cfg[f'{stage}_dataloader']
            assert loader.dataset.pop('data_root') == cfg.data_root
            assert loader == template[f'{stage}_dataloader']


def flat(value, prefix=''):
    """Pairs of a dotted key and a value that is no dict."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from flat(part, f'{prefix}{key}.')
    else:
        yield prefix[:-1], value


def differences(first, second):
    """Dotted keys in which two models differ."""
    first, second = dict(flat(first)), dict(flat(second))
    missing = object()
    return {
        key
        for key in first.keys() | second.keys()
        if first.get(key, missing) != second.get(key, missing)
    }


@pytest.mark.parametrize(
    'name, other, own',
    [
        (
            'nae_r50-c4',
            'oim_r50-c4',
            'rpn_head.anchor_generator.sizes|roi_head.bbox_head.(type|'
            'embedding_norm_std)',
        ),
        (
            'bsl_r50-c4',
            'oim_r50-c4',
            r'backbone.(frozen_stages|norm_\w+.*)|roi_head.(type|shared_head.*'
            r'|bbox_head.*|reid_head.*)|train_cfg.rcnn.reid_sampler.*|'
            'test_cfg.rcnn.min_bbox_size',
        ),
        (
            'roi-alignps_r50',
            'alignps_r50',
            'type|(rpn_head|roi_head|train_cfg|loss_mutual_information).*|'
            'bbox_head.loss_reid.reduction',
        ),
    ],
)
def test_related_models_differ_where_their_methods_do(name, other, own):
    """They are written out in full, and must not drift apart."""
    models = [
        Config.fromfile(BASES / f'models/{stem}.py').model
        for stem in (name, other)
    ]
    found = differences(*models)
    assert found and all(re.fullmatch(own, key) for key in found), found


def numbers_at_the_top(path):
    """Dotted keys and source of the numbers in the block of a file."""
    text = (ROOT / path).read_text()
    text = text.split('# Numbers to change.')[1].split('\n\n')[0]
    return {
        m['key']: m['value'].split('  #')[0] for m in NUMBER.finditer(text)
    }


def changed(source, cfg):
    """Another value than the source of a number gives."""
    if source.startswith('_base_.'):
        return cfg[source.removeprefix('_base_.')] + 1
    value = ast.literal_eval(source)

    def change(part):
        if isinstance(part, (list, tuple)):
            return type(part)(change(item) for item in part)
        return part + 1 if isinstance(part, int) else part * 2

    return change(value)


def get(cfg, key):
    """The value at a key as it stands in a file: a.b[1].c."""
    return eval(f'cfg.{key}', {}, dict(cfg=cfg))


def leaf_values(cfg):
    """What a run reads of a configuration, but not the names of its files."""
    return {
        key: value
        for key, value in cfg.to_dict().items()
        if key not in ('feeding', 'testing')
    }


FULL = [path for path in CONFIGS if len(bases_of(ROOT / path)) > 1]


@pytest.mark.slow
@pytest.mark.parametrize('path', FULL, ids=str)
def test_numbers_at_the_top_take_effect_where_users_change_them(
    path, tmp_path
):
    cfg = Config.fromfile(ROOT / path)
    numbers = {
        key: changed(source, cfg)
        for key, source in numbers_at_the_top(path).items()
    }
    assert len(numbers) >= 6
    # In a configuration that inherits the file.
    child = tmp_path / 'mine.py'
    lines = [f'_base_.{key} = {value!r}' for key, value in numbers.items()]
    child.write_text('\n'.join([f"_base_ = '{ROOT / path}'", *lines]))
    inherited = Config.fromfile(child)
    # In the file itself.
    edited = tmp_path / path.name
    text = (ROOT / path).read_text()
    for name in ("'../_base_", "'./_base_"):
        folder = (ROOT / path).parent
        text = text.replace(name, f"'{folder / name[1:]}")
    for key, source in numbers_at_the_top(path).items():
        old = f'_base_.{key} = {source}'
        assert old in text
        text = text.replace(old, f'_base_.{key} = {numbers[key]!r}')
    edited.write_text(text)
    edited = Config.fromfile(edited)
    # After --cfg-options.
    cfg.merge_from_dict(
        {re.sub(r'\[(\d+)\]', r'.\1', key): v for key, v in numbers.items()}
    )
    for key, value in numbers.items():
        assert get(inherited, key) == get(cfg, key) == value, key
        assert get(edited, key) == value, key
    assert leaf_values(inherited) == leaf_values(cfg) == leaf_values(edited)


def test_the_readme_shows_a_configuration_as_it_is():
    assert (ROOT / EXAMPLE).read_text() in (ROOT / 'README.md').read_text()


PRETRAININGS = [path for path in CONFIGS if 'hybrid-pretrain_' in path.stem]


@pytest.mark.parametrize('path', PRETRAININGS, ids=str)
def test_a_pretraining_is_named_by_the_number_of_its_sources(path):
    cfg = Config.fromfile(ROOT / path)
    word = path.stem.split('_')[-1].removesuffix('-sources')
    number = dict(four=4, five=5, six=6)[word]
    assert len(cfg.train_dataloader.dataset.datasets) == number
    # One share for each; there may be several kinds of batch.
    ratio = np.atleast_2d(cfg.train_dataloader.sampler.source_ratio)
    assert ratio.shape[1] == number


FINETUNINGS = [path for path in CONFIGS if '_pretrain-hybrid_' in path.stem]


@pytest.mark.parametrize('path', FINETUNINGS, ids=str)
def test_finetuning_takes_the_pretraining_of_its_own_method(path):
    cfg = Config.fromfile(ROOT / path)
    weights = Path(cfg.load_from)
    source = ROOT / f'configs/hybrid_pretrain/{weights.parent.name}.py'
    assert weights.name == 'pretrained_all.pth'
    found = differences(cfg.model, Config.fromfile(source).model.detector)
    # The same weights: only their start and the persons are others.
    # Slips of the published recipe are kept where its figures depend on them.
    slips = 'queue_dims|skip_identity_zero'
    # A number that COAT's authors chose for each dataset.
    sizes = 'num_identities|queue_size|classifier_weight'
    own = rf'(\w+\.)*(init_cfg(\.\w+)?|{sizes}|{slips})'
    assert all(re.fullmatch(own, key) for key in found), found
    assert 'backbone.init_cfg' in found


# Pictures to hold out, and identities to train on, of the real sets.
HELD_OUT = {'CrowdHuman': 4370, 'Market-1501-v15.09.15': 23100}
IDENTITIES = {'Market-1501-v15.09.15': 751, 'MSMT17_V1': 1041}
IDENTITIES['cuhk03_release'] = 767
REAL = [path for path in PRETRAININGS if 'hybrid_pretrain' in path.parts]


def folder_of(source):
    return Path(source.get('dataset', source).data_root).name


def num_tiles(mosaic):
    return mosaic.grid[0] * mosaic.grid[1]


@pytest.mark.parametrize('path', REAL, ids=str)
def test_a_validation_of_full_size_ends(path):
    cfg = Config.fromfile(ROOT / path)
    pictures = 0
    for source in cfg.val_dataloader.dataset.datasets:
        number = HELD_OUT[folder_of(source)]
        if source.type == 'CropMosaicDataset':
            assert source.num_rounds == source.num_instances == 1
            number //= num_tiles(source)
        pictures += min(number, source.get('indices', number))
    assert pictures <= 4000


@pytest.mark.parametrize('path', REAL, ids=str)
def test_a_training_of_full_size_sees_no_mosaic_twice(path):
    cfg = Config.fromfile(ROOT / path)
    pictures = cfg.train_cfg.max_iters * cfg.auto_scale_lr.base_batch_size
    turns = cfg.train_dataloader.sampler.source_ratio
    ratio = [sum(shares) for shares in zip(*turns)]
    for share, source in zip(ratio, cfg.train_dataloader.dataset.datasets):
        if source.type == 'CropMosaicDataset':
            groups = num_tiles(source) // source.num_instances
            a_round = IDENTITIES[folder_of(source)] // groups
            seen = pictures * share / sum(ratio)
            assert source.num_rounds * a_round >= seen, folder_of(source)


@pytest.mark.parametrize('path', PRETRAININGS, ids=str)
def test_pretrainings_on_real_and_synthetic_sets_share_their_recipe(path):
    cfg = Config.fromfile(ROOT / path)
    mosaics = [
        source
        for source in cfg.train_dataloader.dataset.datasets
        if source.type == 'CropMosaicDataset'
    ]
    assert all(mosaic.scale_range == (0.6, 1.0) for mosaic in mosaics)
    keys = cfg.optim_wrapper.paramwise_cfg.custom_keys
    assert keys == dict(alignment=dict(lr_mult=5))
    assert 'IterationSeedHook' in [hook.type for hook in cfg.custom_hooks]
    dense = cfg.model.detector.get('bbox_head')
    # A slip of the published AlignPS.
    assert not dense or dense.loss_reid.memory.queue_dims is None


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_model_builds(path):
    cfg = Config.fromfile(ROOT / path)
    assert cfg.default_scope == 'mmdet'
    init_default_scope('mmdet')
    # On the meta device nothing is allocated; building checks every argument.
    # mmdet's transformers read numbers of tensors while they are built.
    transformer = re.search('Staged(Swin|PVT)', str(cfg.model))
    with torch.device('cpu' if transformer else 'meta'):
        model = MODELS.build(cfg.model)
    assert sum(p.numel() for p in model.parameters()) > 0
