"""Files with something wrong, drawn from a seed."""

import numpy as np


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content of a file with bytes changed, lost, put twice or cut off."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(max(len(content), 1)))
        stop = start + int(rng.integers(1, 40))
        kind = rng.integers(5)
        if kind == 0:
            del content[start:stop]
        elif kind == 1:
            content[start:start] = content[start:stop]
        elif kind == 2:
            del content[max(start, 1) :]
        else:
            content[start : start + 1] = [rng.integers(256)]
    return bytes(content)
