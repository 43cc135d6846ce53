"""Pre-training sources that share data with the test set of a target."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from mmengine.logging import print_log

# (source, target) -> (whether the scores are void, what is shared)
KNOWN_OVERLAPS = {
    ('cuhk-sysu-crops', 'cuhk-sysu'): (
        True,
        'the crops show the 2900 test persons of CUHK-SYSU',
    ),
    ('market1501', 'prw'): (
        False,
        'Market-1501 and PRW come from one campaign with the same six '
        'cameras; say so next to the scores',
    ),
}


class LeakError(ValueError):
    """A source of pre-training holds persons of a target's test set."""


def find_leaks(
    sources: Iterable[str], targets: Iterable[str]
) -> list[tuple[str, str, bool, str]]:
    """(source, target, scores void?, what is shared) of each known overlap.

    A target that is itself a source overlaps with nothing here: its training
    split is meant to be trained on.
    """
    targets = list(targets)
    return [
        (source, target, *KNOWN_OVERLAPS[source, target])
        for source in sorted(set(sources))
        for target in targets
        if (source, target) in KNOWN_OVERLAPS
    ]


def check_leaks(
    sources: Iterable[str], targets: Iterable[str], allow: bool = False
) -> None:
    """Refuse overlaps that void scores; warn of the others."""
    for source, target, void, reason in find_leaks(sources, targets):
        message = f'pre-training on {source} for {target}: {reason}'
        if void and not allow:
            raise LeakError(
                f'{message}: leave {source} out, take {target} out of '
                'targets and do not report scores on it, or set '
                'allow_leaks=True'
            )
        print_log(message, logger='current', level=logging.WARNING)
