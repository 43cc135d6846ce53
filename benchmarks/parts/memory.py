"""Identity memories: a loss against all persons, and their update."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS

import mmdet_ps.registration  # noqa: F401  registers every part

from .case import Case, Setting

DIMS, ROWS, QUEUE = 256, 128, 5000


def make(identities: int, setting: Setting, **options) -> Case:
    """Forward, with the update, and backward of 128 embeddings; options of
    the loss."""
    loss = MODELS.build(
        dict(
            type='OIMLoss',
            embed_dims=DIMS,
            num_identities=identities,
            queue_size=QUEUE,
            **options,
        )
    )
    loss = loss.to(setting.device).train()
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(ROWS, DIMS, generator=draw).to(setting.device)
    ids = torch.randint(-1, identities, (ROWS,), generator=draw)
    places = torch.arange(ROWS)
    labels = [t.to(setting.device) for t in (ids, places // 32, places % 32)]

    def step() -> None:
        leaf = rows.clone().requires_grad_()
        loss(F.normalize(leaf), *labels).backward()

    return Case(step)


CASES = {
    f'{number:,} identities': partial(make, number)
    for number in (5_000, 50_000, 500_000)
}
