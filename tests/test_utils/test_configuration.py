"""Overrides on the command line: followed, or refused in one line."""

from pathlib import Path

import pytest
from mmengine.config import Config

import mmdet_ps  # noqa: F401  the registries find its parts
from mmdet_ps.utils.command_line import ArgumentParser
from mmdet_ps.utils.configuration import (
    OptionsAction,
    apply_options,
    check_optimizers,
    check_option,
    follow_num_workers,
    paths_of,
    read_config,
)
from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/synthetic/nae_r18-c4_1xb4-300_prw.py'


@pytest.fixture(scope='module')
def config():
    return read_config(CONFIG)


def parse(*words):
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    return parser.parse_args(['--cfg-options', *words]).cfg_options


@pytest.mark.parametrize(
    'word',
    [
        'train_dataloader.num_workers=0',
        'train_dataloader.pin_memory=True',
        'train_dataloader.prefetch_factor=4',
        'train_cfg.max_iters=20',
        'default_hooks.logger.interval=5',
        'default_hooks.checkpoint.by_epoch=False',
        'randomness.deterministic=True',
        'env_cfg.cudnn_benchmark=True',
        'optim_wrapper.accumulative_counts=4',
        'optim_wrapper.optimizer.lr=1',
        'optim_wrapper.optimizer.amsgrad=True',
        'model.backbone.with_cp=True',
        'model.test_cfg.gt_boxes_as_detections=True',
        'model.roi_head.bbox_head.loss_cls.loss_weight=2',
        'param_scheduler.1.end=30',
        'train_dataloader.dataset.pipeline.2.scales=[(80,48)]',
        'val_cfg=None',
        'val_dataloader=None',
        'find_unused_parameters=True',
        'load_from=weights.pth',
        'work_dir=3',
        'custom_hooks=None',
    ],
)
def test_what_somebody_reads_is_taken(word, config):
    changed = Config(config.to_dict())
    options = parse(word)
    if word.startswith('work_dir'):
        with pytest.raises(UserError, match='a whole number, where .*str'):
            apply_options(changed, options)
        return
    apply_options(changed, options)
    (key,) = options
    place = changed
    for part in key.split('.'):
        place = place[int(part)] if part.isdigit() else place[part]
    assert place == options[key]


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        (
            'train_dataloader.num_wokers=0',
            r'train_dataloader.num_workers\?',
        ),
        ('train_dataloder.num_workers=0', r'did you mean train_dataloader\?'),
        ('model.backbone.dept=18', r'did you mean model.backbone.depth\?'),
        (
            'model.test_cfg.rcnn.score_th=0',
            r'model.test_cfg.rcnn.score_thr',
        ),
        (
            'optim_wrapper.optimizer.lrr=1',
            r'optim_wrapper.optimizer.lr\?',
        ),
        ('param_scheduler.9.end=30', r'has no 9; '),
        ('train_cfg.max_iter=20', r'did you mean train_cfg.max_iters\?'),
        ('train_cfg.zzz=20', r'has no zzz; there are .*max_iters'),
        ('train_dataloader.num_workers.x=1', r'num_workers is \d+, which has'),
        ('num_identities=5', r'is a variable .*model.roi_head.\S+num_ident'),
        ('train_dataloader.num_workers=abc', r'is a text, where a whole num'),
        (
            'train_dataloader.num_workers=1.5',
            r'is a number, where a whole',
        ),
        ('train_dataloader.batch_size=[1,2]', r'is a list, where a whole n'),
        ('optim_wrapper.optimizer.lr=True', r'is True or False, where a num'),
        ('train_dataloader.persistent_workers=5', r'where True or False'),
        ('model.backbone=resnet', r'is a text, where a group of settings'),
        ('train_dataloader.dataset.ann_file=5', r'where a text is wanted'),
        ('train_dataloader.num_workers', r'write it as key=value'),
        ('=3', r'write it as key=value'),
        ('a=[1,2', r'a bracket is not closed'),
    ],
)
def test_what_nobody_reads_or_does_not_fit_is_one_line(word, message, config):
    with pytest.raises(UserError, match=message) as error:
        apply_options(Config(config.to_dict()), parse(word))
    text = str(error.value)
    assert text.startswith(f'--cfg-options {word.split("=")[0]}')
    assert '\n' not in text


@pytest.mark.slow
def test_every_configuration_fits_itself():
    """No entry that the configurations hold is refused with its own value."""
    for path in sorted(ROOT.glob('configs/[!_]*/*.py'))[::7]:
        whole = read_config(path)
        config = whole._cfg_dict
        for key in paths_of(config):
            place = config
            try:
                for part in key.split('.'):
                    place = place[int(part) if part.isdigit() else part]
            except KeyError:  # a name with a dot in it
                continue
            try:
                check_option(whole, key, place)
            except UserError as error:
                assert 'variable of the configuration' in str(error)


def test_an_optimizer_that_nobody_knows_is_named(config):
    changed = Config(config.to_dict())
    check_optimizers(changed)
    changed.optim_wrapper.optimizer.type = 'AdamWW'
    with pytest.raises(UserError, match=r'no optimizer AdamWW; .* AdamW\?'):
        check_optimizers(changed)
    part = dict(optimizer=dict(type='SDG'))
    changed.optim_wrapper = dict(parts=dict(reid=part))
    with pytest.raises(UserError, match=r'parts.reid.*SDG; did you mean SGD'):
        check_optimizers(changed)


def test_loaders_without_processes_need_none(config):
    changed = Config(config.to_dict())
    loader = changed.train_dataloader
    loader.update(num_workers=2, persistent_workers=True, prefetch_factor=2)
    follow_num_workers(changed)
    assert loader.persistent_workers and loader.prefetch_factor == 2
    apply_options(changed, {'train_dataloader.num_workers': 0})
    follow_num_workers(changed)
    assert changed.train_dataloader.persistent_workers is False
    assert 'prefetch_factor' not in changed.train_dataloader


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(', 'SyntaxError'),
        ('_base_ = "gone.py"', 'gone.py'),
        ('x = nothing_of_the_kind', 'NameError.*nothing_of_the_kind'),
        (None, 'no such configuration'),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line(text, message, tmp_path):
    path = tmp_path / 'config.py'
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        read_config(path)
    assert str(error.value).startswith(f'{path}: ')
