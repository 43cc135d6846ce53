"""Trains a method on a batch: in one process, or spread over several.

What differs between the two for other reasons is switched off: the batch
norms of maps use their running statistics, unless they are to see the maps of
all processes (``sync_bn``), and RoIs are drawn in an order that depends on
the image alone.
"""

from contextlib import contextmanager
from functools import cache
from unittest import mock

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from mmdet_ps.engine.search_runner import convert_norms
from mmdet_ps.models.roi_heads import OccludedTransformer
from mmdet_ps.structures.fields import UNLABELLED
from tests.distributed import run_distributed
from tests.sync_norm_kernels import sync_norms_on_cpu
from tests.tiny_search_detector import branch_batch, make_sample

from . import two_stage
from .thin_methods import METHODS, SYNTHETIC, thin_model

PRETRAININGS = {
    path.stem.split('_')[0] + ' ' + path.stem.split('_')[1]: path
    for path in sorted(SYNTHETIC.glob('hybrid-pretrain_*.py'))
    if 'two-views' not in path.stem
}
NAMES = (*METHODS, *PRETRAININGS)
# At the end of the name of a pre-training: with ``split_sources``.
BY_SOURCE = ' by source'
SHAPE = (96, 128)
BOXES = [[10, 10, 40, 80], [70, 20, 100, 90], [40, 5, 62, 60]]
# Of four processes the third sees nobody with a name, the last one nobody.
PERSONS = [[3, -1, 7], [3, 0], [-1], []]
CROPS = [[3, 5], [300, 301], [5, 40], [302, UNLABELLED]]
STEPS = 3
# In these steps the last two images lack a branch, so some processes do.
WITHOUT = {1: 'reid', 2: 'det'}


def scene(ids, number, source='prw'):
    """A picture of noise with persons of these ids."""
    boxes = [[v + number for v in box] for box in BOXES[: len(ids)]]
    image, sample = make_sample(boxes, ids, source, SHAPE)
    generator = torch.Generator().manual_seed(number)
    image = torch.randint(0, 256, image.shape, generator=generator)
    return image.to(torch.uint8), sample


def batch(name, step, images):
    """The batch of a step, of which a process has some of four images."""
    number = [4 * step + k for k in range(4)]
    if name in METHODS:
        items = [scene(PERSONS[k], number[k]) for k in images]
        inputs, samples = zip(*items)
        return dict(inputs=list(inputs), data_samples=list(samples))
    with_branch = {
        branch: [k for k in images if k < 2 or WITHOUT.get(step) != branch]
        for branch in ('det', 'reid')
    }
    detection = [
        scene(
            [UNLABELLED] * len(PERSONS[k]),
            number[k],
            ('crowdhuman', 'crowdhuman-2')[k % 2],
        )
        for k in with_branch['det']
    ]
    crops = [
        scene(CROPS[k], number[k], ('market1501', 'msmt17')[k % 2])
        for k in with_branch['reid']
    ]
    return branch_batch(det=detection, reid=crops)


def order(number):
    """Numbers in [0, 1) in a shuffled order, the same for any length."""
    return (torch.arange(1, number + 1) * 0.6180339887498949).frac()


def _rand(*size, generator=None, **options):
    if generator is not None or not size or not isinstance(size[0], tuple):
        return TORCH_RAND(*size, generator=generator, **options)
    return order(size[0][-1]).expand(size[0]).clone()


def _randperm(number, **options):
    return order(number).argsort()


TORCH_RAND = torch.rand


@contextmanager
def same_draws():
    """Draw RoIs of every image in the same order."""
    with (
        mock.patch('torch.rand', _rand),
        mock.patch('torch.randperm', _randperm),
    ):
        yield


def build(name, norms_learn=False):
    """The thin model of a name; its norms of maps are fixed if they do not
    learn."""
    if name in METHODS:
        model = thin_model(name)
    else:
        path = PRETRAININGS[name.removesuffix(BY_SOURCE)]
        config = Config.fromfile(path).model
        config.split_sources = name.endswith(BY_SOURCE)
        model = two_stage.build(config)
        model.init_weights()
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train(norms_learn)
        # A process swaps stripes among its own RoIs.
        if isinstance(module, OccludedTransformer):
            module.occlusion = 0
    return model


def train(rank, name, world_size, accumulate, sync_bn=False, steps=STEPS):
    """Losses of each step and the state after the last one."""
    model = build(name, norms_learn=sync_bn)
    wrapped = model
    if dist.is_initialized():
        if sync_bn:
            convert_norms(model, 'torch')
        wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    optimizer = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.001),
        accumulative_counts=accumulate,
        clip_grad=dict(max_norm=10),
    )
    optimizer.initialize_count_status(wrapped, 0, steps)
    per_process = 4 // world_size
    images = range(rank * per_process, (rank + 1) * per_process)
    losses = []
    with same_draws():
        for step in range(steps):
            torch.manual_seed(step)
            found = wrapped.train_step(batch(name, step, images), optimizer)
            losses.append({k: float(v) for k, v in found.items()})
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    return losses, state


@cache
def alone(name, accumulate, sync_bn, steps):
    """What one process makes of the whole batches."""
    return train(0, name, 1, accumulate, sync_bn, steps)


def compare(name, world_size, accumulate=1, sync_bn=False, steps=STEPS):
    """Largest differences of one process and several.

    Args:
        name: One of NAMES.
        world_size: Number of processes, 2 or 4.
        accumulate: Batches to a step of the optimizer.
        sync_bn: Let the norms of maps learn, and see those of all processes.
        steps: How many.

    Returns:
        dict: ``loss`` (of the means over the processes), ``memory`` and
        ``weights`` after the last step, each the largest
        :func:`difference`; and ``ranks``, that between the processes.
    """
    losses, state = alone(name, accumulate, sync_bn, steps)
    with sync_norms_on_cpu():  # the processes are forks
        ranks = run_distributed(
            *(train, name, world_size, accumulate, sync_bn, steps),
            world_size=world_size,
        )
    worst = dict(loss=0.0, memory=0.0, weights=0.0, ranks=0.0)
    for step, expected in enumerate(losses):
        for key, value in expected.items():
            if 'loss' not in key:
                continue
            mean = sum(rank[0][step][key] for rank in ranks) / world_size
            worst['loss'] = max(worst['loss'], difference(mean, value))
    for key, value in state.items():
        kind = 'memory' if is_memory(key) else 'weights'
        for _, other in ranks:
            worst[kind] = max(worst[kind], difference(other[key], value))
            worst['ranks'] = max(
                worst['ranks'], difference(other[key], ranks[0][1][key])
            )
    return worst


def is_memory(key):
    """Whether an entry of a state dict belongs to a memory or a queue."""
    parts = ('.memory.', 'scene_memory.', '.queue.', 'recalls')
    return any(part in key for part in parts)


def difference(first, second):
    """Largest difference, as a share of the largest value above 1."""
    first, second = (torch.as_tensor(x).double() for x in (first, second))
    if first.numel() == 0:
        return 0.0
    scale = second.abs().max().clamp(min=1)
    return float((first - second).abs().max() / scale)
