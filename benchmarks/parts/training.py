"""A step of training of every thin method, as a whole and by its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from .case import Case, Setting, now
from .pictures import METHODS, model_of, pictures

SIZE, BATCH = (160, 240), 4
PUBLISHED_SIZE = (608, 992)
# What is timed within a model, where it has it.
METHODS_OF_PARTS = {
    'backbone': ('forward',),
    'neck': ('forward',),
    'rpn_head': ('loss_and_predict',),
    'bbox_head': ('loss_and_rows', 'loss'),
    'roi_head': ('loss_and_rows', 'loss'),
}


def make(method: str, setting: Setting) -> Case:
    """A network that is trained on the same pictures again and again.

    On a GPU it is the published network at its size, where a thin one would
    only show what the host costs.
    """
    small = setting.device == 'cpu'
    model = model_of(method, 'r18' if small else 'r50')
    model = model.to(setting.device).train()
    batch = pictures(BATCH, SIZE if small else PUBLISHED_SIZE)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], 1e-4
    )
    seconds: dict[str, float] = defaultdict(float)
    for part, names in METHODS_OF_PARTS.items():
        module, running = getattr(model, part, None), []
        for name in names:
            if hasattr(module, name):
                method = getattr(module, name)
                setattr(module, name, clocked(method, part, seconds, running))
    return Case(partial(step, model, batch, optimizer, seconds))


def clocked(
    function: Callable, name: str, seconds: dict[str, float], running: list
) -> Callable:
    """The function, adding what it takes to ``seconds[name]``, unless it is
    called by another one of the part: these are ``running``."""

    def call(*args, **kwargs):
        outermost = not running
        running.append(function)
        start = now()
        try:
            return function(*args, **kwargs)
        finally:
            running.pop()
            if outermost:
                seconds[name] += now() - start

    return call


def step(
    model: nn.Module,
    batch: dict,
    optimizer: torch.optim.Optimizer,
    seconds: dict[str, float],
) -> dict[str, float]:
    """Forward, backward and update; seconds of each part."""
    seconds.clear()
    torch.manual_seed(0)
    samples = [sample.clone() for sample in batch['data_samples']]
    start = now()
    data = model.data_preprocessor(dict(batch, data_samples=samples), True)
    losses = model(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    middle = now()
    loss.backward()
    end = now()
    nn.utils.clip_grad_norm_(model.parameters(), 10)
    optimizer.step()
    optimizer.zero_grad()
    inside = sum(seconds.values())
    return dict(
        **seconds,
        rest=middle - start - inside,
        backward=end - middle,
        update=now() - end,
    )


CASES = {method: partial(make, method) for method in METHODS}
