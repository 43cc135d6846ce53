"""Random streams that depend on names only, never on order or on workers."""

from zlib import crc32

import numpy as np


def stream(seed: int, *keys: object) -> np.random.Generator:
    """The random numbers that belong to `keys` under `seed`.

    Every drawn thing names its own stream ('PRW', 'frame', 12), so that it
    looks the same whoever draws it and whatever was drawn before.
    """
    words = [seed, *(crc32(repr(key).encode()) for key in keys)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """One key of `weights`, with probability in proportion to its value."""
    names = list(weights)
    share = np.cumsum([weights[name] for name in names])
    return names[int(np.searchsorted(share, rng.random() * share[-1]))]
