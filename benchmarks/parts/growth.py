"""How time and memory grow with the work: one case per series and size."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from mmdet_ps.apis.vector_search import ExactSearch

from . import memory, training
from .case import Case, Setting
from .pictures import calibrate, model_of, pictures

PICTURE = (160, 240)


def make_step(persons: int, setting: Setting) -> Case:
    """A training step of thin NAE with so many persons in each picture."""
    model = model_of('nae', 'r18').to(setting.device).train()
    batch = pictures(training.BATCH, PICTURE, persons)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def run() -> None:
        training.step(model, batch, optimizer, {})

    return Case(run)


def make_prediction(pixels: int, setting: Setting) -> Case:
    """A prediction of thin NAE on a picture of so many pixels, 2 by 3."""
    height = round((pixels / 1.5) ** 0.5)
    model = model_of('nae', 'r18').to(setting.device)
    batch = pictures(1, (height, round(pixels / height)))
    calibrate(model, batch)

    def run() -> None:
        with torch.inference_mode():
            model.test_step(batch)

    return Case(run)


def make_search(count: int, setting: Setting) -> Case:
    """Exact search of ten persons among so many unit vectors."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, 256), np.float32)
    search = ExactSearch(vectors)
    return Case(lambda: search.nearest(vectors[:10], 50) and None)


# Quick runs have the same sizes, and fewer runs of each.
# Name of a series, how a case of it is made, and its sizes.
SERIES = {
    'identities': (
        memory.make,
        (5_000, 20_000, 100_000, 300_000, 1_000_000),
    ),
    'identities, 50,000 sampled': (
        partial(memory.make, sampled_negatives=50_000),
        (100_000, 300_000, 1_000_000),
    ),
    'persons in a picture': (make_step, (1, 5, 20, 50, 100, 200)),
    'pixels of a picture': (
        make_prediction,
        (38_400, 153_600, 614_400, 2_457_600),
    ),
    'persons in the gallery': (
        make_search,
        (10_000, 100_000, 1_000_000, 5_000_000),
    ),
}


CASES = {
    f'{series}: {size:,}': partial(function, size)
    for series, (function, sizes) in SERIES.items()
    for size in sizes
}
