"""The random numbers of a process: seeding, taking and restoring them."""

import random

import numpy as np
import torch
from torch import Tensor


def seed_all(*numbers: int) -> None:
    """Seed Python, numpy and torch by a hash of the numbers."""
    sequence = np.random.SeedSequence([int(n) for n in numbers])
    seed = int(sequence.generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def random_state() -> dict:
    """Where Python, numpy, torch and every GPU stand in their streams.

    Tensors and plain numbers alone, so that a checkpoint that holds it still
    loads with ``weights_only=True``.
    """
    version, words, spare = random.getstate()
    name, keys, position, has_spare, cached = np.random.get_state()
    return dict(
        python=(version, torch.tensor(words), spare),
        numpy=(
            name,
            torch.from_numpy(keys.astype(np.int64)),
            int(position),
            int(has_spare),
            float(cached),
        ),
        torch=torch.get_rng_state(),
        cuda=(
            torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        ),
    )


def restore_random_state(state: dict) -> None:
    """Go back to where :func:`random_state` was called.

    A state taken with another number of GPUs leaves those of the GPUs.
    """
    version, words, spare = state['python']
    random.setstate((version, tuple(words.tolist()), spare))
    name, keys, *rest = state['numpy']
    np.random.set_state((name, _on_cpu(keys).numpy().astype('uint32'), *rest))
    torch.set_rng_state(_on_cpu(state['torch']))
    if len(state['cuda']) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([_on_cpu(s) for s in state['cuda']])


def _on_cpu(state: Tensor) -> Tensor:
    # A checkpoint is loaded onto the device of the model.
    return state.cpu()
