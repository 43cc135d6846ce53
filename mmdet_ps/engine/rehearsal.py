"""Tries a training on one batch, and says what would run."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Callable, Iterator

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop, Runner
from torch import nn

from mmdet_ps.structures import load_protocols
from mmdet_ps.utils.checkpoint import compare, plain_state_dict, under_prefix
from mmdet_ps.utils.errors import UserError

from .hooks.checked_load_hook import CheckedLoadHook
from .search_runner import SearchRunner

Say = Callable[[str], None]


def rehearse(cfg: Config, say: Say = print) -> None:
    """Build a training, load its weights, and try one batch of each kind.

    Nothing is written to the work folder. On a GPU the batch goes through a
    whole training step, which shows the memory it takes; on a CPU through
    the loss alone, to be done in a minute.

    Args:
        cfg: The configuration of the training.
        say: Called with every line of the report.

    Raises:
        UserError: Something is missing or does not fit, or the loss is not
            finite.
    """
    work_dir = cfg.work_dir
    with tempfile.TemporaryDirectory() as folder:
        runner = SearchRunner.from_cfg(quiet_config(cfg, folder))
        loop = runner.train_loop  # builds the data
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        for line in dataset_lines(loop.dataloader.dataset):
            say(f'train data    {line}')
        check_identities(runner.model, loop.dataloader.dataset.metainfo)
        say(f'steps         {describe_steps(runner)}')
        say(f'model         {describe_model(runner)}')
        for line in load_start(runner):
            say(f'start         {line}')
        say(f'loss          {try_loss(runner)}')
        if runner.val_loop is not None:
            for line in dataset_lines(runner.val_dataloader.dataset):
                say(f'val data      {line}')
            for line in protocol_lines(cfg.val_evaluator):
                say(f'val queries   {line}')
            say(f'validation    {try_validation(runner)}')
    say(f'would write   {work_dir}')


def quiet_config(cfg: Config, folder: str) -> Config:
    """The same training, loading in the main process and saying little."""
    cfg = copy.deepcopy(cfg)
    cfg.work_dir, cfg.launcher, cfg.log_level = folder, 'none', 'ERROR'
    # One of a new name, since mmengine keeps those it has made.
    cfg.visualizer.update(name=folder, vis_backends=[])
    for name in ('train_dataloader', 'val_dataloader'):
        if cfg.get(name):
            cfg[name].update(num_workers=0, persistent_workers=False)
            cfg[name].pop('prefetch_factor', None)
    return cfg


def dataset_lines(dataset: object) -> Iterator[str]:
    """What each source of a dataset holds."""
    for part in getattr(dataset, 'datasets', [dataset]):
        meta = part.metainfo
        name = meta.get('source') or meta.get('dataset') or type(part).__name__
        text = f'{name}: {len(part):,} images'
        inner = getattr(part, 'dataset', None)
        if inner is not None:
            text += f' made of {len(inner):,} crops'
        elif hasattr(part, 'get_person_ids'):
            text += ', a crop each'
        else:
            boxes = sum(
                len(part.get_data_info(k)['instances'])
                for k in range(len(part))
            )
            text += f', {boxes:,} boxes'
        yield f'{text}, {meta.get("num_identities", 0):,} identities'


def check_identities(model: nn.Module, metainfo: dict) -> None:
    """Check that the identity losses have a row for every identity."""
    found = metainfo.get('num_identities', 0)
    for name, module in model.named_modules():
        rows = getattr(module, 'num_identities', found)
        if rows < found:
            raise UserError(
                f'the training data has {found} identities, but {name} of '
                f'the model has num_identities={rows}: write {found} there'
            )


def describe_steps(runner: Runner) -> str:
    """How long the training is, and when it validates and saves."""
    loop, loader = runner.train_loop, runner.train_dataloader
    size = loader.batch_size or loader.batch_sampler.batch_size
    text = f'{loop.max_iters:,} steps of {size} images per process'
    unit = 'steps'
    if isinstance(loop, EpochBasedTrainLoop):
        unit = 'epochs'
        text += f' ({loop.max_epochs} epochs of {len(loader):,})'
    if runner.val_loop is not None:
        text += (
            f'; validation every {loop.val_interval:,} {unit} and at the end'
        )
    hook = runner.cfg.default_hooks.checkpoint
    saved = 'epochs' if hook.get('by_epoch', True) else 'steps'
    return f'{text}; checkpoint every {hook.interval:,} {saved}'


def describe_model(runner: Runner) -> str:
    """Parameters and learning rates."""
    parameters = list(runner.model.parameters())
    total = sum(p.numel() for p in parameters)
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    rates = ', '.join(
        f'{name} {max(values):g}'
        for name, values in runner.optim_wrapper.get_lr().items()
        if name.endswith('lr') and 'base' not in name
    )
    return (
        f'{type(runner.model).__name__}, {total / 1e6:.1f} million '
        f'parameters, {trained / 1e6:.1f} of them trained; {rates} on '
        f'{next(runner.model.parameters()).device}'
    )


def load_start(runner: Runner) -> Iterator[str]:
    """Load the weights that the training starts from, and tell of each."""
    runner.call_hook('before_run')
    found = list(pretrained_parts(runner.model))
    runner._init_model_weights()
    for name, module, init in found:
        file = init['checkpoint']
        yield f'{name or "model"} from {file}: {loaded(module, init)}'
    runner.load_or_resume()
    if runner._resume:
        yield f'continues after step {runner.iter:,}'
    if runner._load_from:
        for hook in runner.hooks:
            if isinstance(hook, CheckedLoadHook):
                yield f'{runner._load_from}: {hook.report.table(limit=5)}'
    elif not found:
        yield 'random weights'


def pretrained_parts(
    model: nn.Module,
) -> Iterator[tuple[str, nn.Module, dict]]:
    """(name, module, init_cfg) of the parts that load weights of their own."""
    for name, module in model.named_modules():
        init = getattr(module, 'init_cfg', None) or {}
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            yield name, module, init


def loaded(module: nn.Module, init: dict) -> str:
    """How much of a part its file gave."""
    file = CheckpointLoader.load_checkpoint(init['checkpoint'], 'cpu')
    given = plain_state_dict(file)
    if init.get('prefix'):
        given = under_prefix(given, init['prefix'].rstrip('.') + '.')
    return compare(module.state_dict(), given).table(limit=5)


def try_loss(runner: Runner) -> str:
    """Load a training batch and compute its loss."""
    model, wrapper = runner.model, runner.optim_wrapper
    runner.message_hub.update_info('iter', 0)
    runner.message_hub.update_info('max_iters', runner.max_iters)
    began = time.perf_counter()
    batch = next(iter(runner.train_dataloader))
    ready = time.perf_counter()
    model.train()
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        values = model.train_step(batch, wrapper)
    else:
        with torch.no_grad(), wrapper.optim_context(model):
            data = model.data_preprocessor(batch, True)
            losses = model(**data, mode='loss')
        values = model.parse_losses(losses)[1]
    values = {key: float(value) for key, value in values.items()}
    text = ', '.join(f'{key} {value:.4g}' for key, value in values.items())
    wrong = [key for key, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise UserError(
            f'{", ".join(wrong)} of the first batch is not finite ({text}): '
            'check the data (tools/analysis_tools/browse_dataset.py shows '
            'it) and the weights it starts from'
        )
    done = time.perf_counter()
    text += f'; {ready - began:.1f} s to load, {done - ready:.1f} s to compute'
    if on_gpu:
        peak = torch.cuda.max_memory_allocated() / 2**30
        text += f'; {peak:.1f} GiB of GPU memory at its peak'
    return text


def protocol_lines(evaluators: dict | list) -> Iterator[str]:
    """What the search protocols of a validation ask."""
    if not isinstance(evaluators, list):
        evaluators = [evaluators]
    for evaluator in evaluators:
        if evaluator.get('protocol_file'):
            names = evaluator.get('protocols')
            yield ', '.join(
                f'{protocol.name} {len(protocol.query_ids):,}'
                for protocol in load_protocols(evaluator.protocol_file, names)
            )


def try_validation(runner: Runner) -> str:
    """Detect in a batch of the validation set."""
    began = time.perf_counter()
    runner.model.eval()
    batch = next(iter(runner.val_dataloader))
    with torch.no_grad():
        samples = runner.model.val_step(batch)
    runner.val_evaluator.process(data_samples=samples, data_batch=batch)
    count = sum(len(sample.pred_instances) for sample in samples)
    return (
        f'{count} detections in {len(samples)} images, '
        f'{time.perf_counter() - began:.1f} s'
    )
