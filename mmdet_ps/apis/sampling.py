"""Which frames of a video are looked at: every n-th, or by its clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..utils.errors import UserError

STEP = 0.4  # seconds between the frames of a video that are looked at


class Sampling(NamedTuple):
    """Which frames of a video are looked at.

    Args:
        every (int): Every n-th frame; None goes by the clock.
        step (float): Seconds between two frames, without ``every``; 0 takes
            all.
    """

    every: int | None = None
    step: float = STEP

    @property
    def mark(self) -> str:
        """Tells one way of sampling from another."""
        return f'{self.every} {self.step if self.every is None else ""}'


def due(every: int | None = None, step: float = STEP) -> Callable:
    """Make a function that chooses the frames of a video to look at.

    Args:
        every (int): Choose every n-th frame; None goes by the clock.
        step (float): Seconds between two frames, without ``every``; 0
            chooses all.

    Returns:
        Callable[[int, float], bool]: Takes number and seconds of each frame
        of one video, in order, and tells whether to look at it.

    Raises:
        UserError: ``every`` is below 1, or ``step`` is negative.
    """
    if every is not None:
        if every < 1:
            raise UserError(
                f'every={every}: write 1 for every frame, or a greater number'
            )
        return lambda index, seconds: index % every == 0
    if step < 0:
        raise UserError(
            f'step={step}: write a number of seconds, or 0 for every frame'
        )
    last = -1

    def by_clock(index: int, seconds: float) -> bool:
        nonlocal last
        if step == 0:
            return True
        # (times are rounded to a millisecond)
        turn = int((seconds + 1e-3) / step)
        is_due, last = turn > last, turn
        return is_due

    return by_clock
