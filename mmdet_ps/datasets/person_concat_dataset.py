"""Several sources as one dataset, their identities kept apart."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from mmdet.datasets import ConcatDataset
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from mmdet_ps.utils.errors import UserError

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


@DATASETS.register_module()
class PersonConcatDataset(ConcatDataset):
    """Sources for hybrid pre-training.

    Every source gets an identity offset, so that no two share a number. The
    metainfo has the sum as ``num_identities``, and per source its name
    (``sources``), its dataset's (``source_datasets``) and its offset
    (``identity_offsets``).

    Args:
        datasets: The sources.
        num_identities: The number of identities the model was built for;
            another sum is an error.
        targets: Datasets that the model will be evaluated on; a source that
            shares data with the test set of one of them is refused.
        allow_leaks: Warn of such sources instead of refusing them.
        **kwargs: See ``ConcatDataset``.

    Raises:
        UserError: The sources have another number of identities.
        LeakError: A source shares persons with a target's test set.
    """

    def __init__(
        self,
        datasets: Sequence[dict],
        num_identities: int | None = None,
        targets: Sequence[str] = ('cuhk-sysu', 'prw', 'posetrack21'),
        allow_leaks: bool = False,
        **kwargs,
    ) -> None:
        self.expected_identities = num_identities
        self.targets, self.allow_leaks = targets, allow_leaks
        super().__init__(datasets, **kwargs)

    def full_init(self) -> None:
        """Load every source and number its identities."""
        if self._fully_initialized:
            return
        super().full_init()
        metas = [dataset.metainfo for dataset in self.datasets]
        names = [meta.get('dataset', '') for meta in metas]
        check_leaks(names, self.targets, self.allow_leaks)
        counts = [meta.get('num_identities', 0) for meta in metas]
        total = sum(counts)
        if self.expected_identities not in (None, total):
            raise UserError(
                f'the sources have {total} identities but the config says '
                f'num_identities={self.expected_identities}: write {total} '
                'there'
            )
        # Raw numbers of a test set reach beyond the number of identities.
        spans = [
            max(count, meta.get('identity_span', 0))
            for count, meta in zip(counts, metas)
        ]
        offsets = [sum(spans[:k]) for k in range(len(spans))]
        for dataset, offset in zip(self.datasets, offsets):
            set_identity_offset(dataset, offset)
        self._person_metainfo = dict(
            metas[0],
            num_identities=total,
            identity_offsets=offsets,
            sources=[meta.get('source', '') for meta in metas],
            source_datasets=names,
        )

    @property
    def metainfo(self) -> dict:
        """One dict for all sources, as described above once they are loaded.

        Before that it is the one of the first source.
        """
        if not self._fully_initialized:
            return dict(self.datasets[0].metainfo)
        return dict(self._person_metainfo)


def set_identity_offset(dataset: object, offset: int) -> None:
    """Set the offset of a dataset, through any wrappers around it."""
    while not hasattr(dataset, 'identity_offset'):
        dataset = dataset.dataset
    dataset.identity_offset = offset


class LeakError(UserError):
    """A source of pre-training holds persons of a target's test set."""


def find_leaks(
    sources: Iterable[str], targets: Iterable[str]
) -> list[tuple[str, str, bool, str]]:
    """Find sources that are known to share data with a target's test set.

    A target that is itself a source is none of these: its training split is
    meant to be trained on.

    Args:
        sources (Iterable[str]): Datasets that are trained on.
        targets (Iterable[str]): Datasets that the model is evaluated on.

    Returns:
        list[tuple[str, str, bool, str]]: Of each overlap the source, the
        target, whether scores on the target are void, and what is shared.
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
    """Refuse overlaps that void scores, and warn of the others.

    Args:
        sources, targets: As of :func:`find_leaks`.
        allow (bool): Warn of all of them.

    Raises:
        LeakError: There is one that voids scores, and it is not allowed.
    """
    for source, target, void, reason in find_leaks(sources, targets):
        message = f'pre-training on {source} for {target}: {reason}'
        if void and not allow:
            raise LeakError(
                f'{message}: leave {source} out, take {target} out of '
                'targets and do not report scores on it, or set '
                'allow_leaks=True'
            )
        print_log(message, logger='current', level=logging.WARNING)
