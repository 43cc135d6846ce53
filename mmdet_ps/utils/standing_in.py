"""Taking part in what processes exchange without adding anything to it."""

from collections.abc import Iterator
from contextlib import contextmanager

_depth = 0


@contextmanager
def standing_in() -> Iterator[None]:
    """For a forward pass on an image that is not of this process's batch.

    The processes exchange embeddings and counts within a forward pass, so all
    of them have to make it. One that lacks images of a branch makes it on an
    image that stands in for them; within this context its rows enter no
    memory, no statistics and no divisor.
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


def stands_in() -> bool:
    """Whether this process only stands in; see :func:`standing_in`."""
    return _depth > 0
