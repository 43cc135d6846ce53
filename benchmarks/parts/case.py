"""What a case is made of, and the clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

# Does the work once; may return the seconds that its steps took, by name.
Work = Callable[[], dict[str, float] | None]
# Which clock the processes that time the work were told to use.
CLOCK = 'BENCHMARK_CLOCK'


@dataclass
class Setting:
    """On what, and how thoroughly, cases are run."""

    device: str = 'cpu'
    quick: bool = False


@dataclass
class Case:
    """Work to time.

    Attributes:
        own: The project's way.
        reference: Another way to the same end, timed in turns with it.
        reference_name: What that is.
        by_the_wall: The work is done by other processes, too, so that the
            time of this one's processor says nothing.
    """

    own: Work
    reference: Work | None = None
    reference_name: str = ''
    by_the_wall: bool = False


def now(by_the_wall: bool = False) -> float:
    """Seconds, once a GPU is through with what it was given."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    if os.environ.get(CLOCK) == 'processor' and not by_the_wall:
        return time.process_time()
    return time.perf_counter()
