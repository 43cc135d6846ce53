"""Listens to a detector's feature maps and embeddings, whatever it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from mmdet.structures import SampleList
from torch import Tensor, nn

from ..losses.identity_loss import IdentityLoss
from .source_tags import (
    UNKNOWN_SOURCE,
    source_of_identities,
    source_of_persons,
    untag,
)


class FeatureCapture:
    """Hooks that note maps and embeddings of one forward pass.

    The identity losses of the detector receive their person ids without the
    tags that :func:`tag_unlabelled` set.

    Args:
        detector: The detector to listen to.
        map_names: Its parts (``backbone``, ``neck``) whose output to note.
    """

    def __init__(self, detector: nn.Module, map_names: Sequence[str]) -> None:
        self.maps: dict[str, Sequence[Tensor] | Tensor] = {}
        self.embeddings: dict[str, list] = defaultdict(list)
        modules = dict(detector.named_modules())
        for name in map_names:
            if name not in modules:
                raise ValueError(
                    f'alignment of {name!r}, but the detector has no such '
                    f'part; it has {sorted(dict(detector.named_children()))}'
                )
            modules[name].register_forward_hook(self._note_map(name))
        self.loss_names = [
            name
            for name, module in modules.items()
            if isinstance(module, IdentityLoss)
        ]
        for name in self.loss_names:
            modules[name].register_forward_pre_hook(
                self._note_embeddings(name), with_kwargs=True
            )

    def clear(self) -> None:
        """Forget the last pass (and release its graph)."""
        self.maps.clear()
        self.embeddings.clear()

    def embedding_rows(
        self, name: str, data_samples: SampleList, sources: Sequence[int]
    ) -> tuple[Tensor, Tensor] | None:
        """The embeddings (N, D) given to an identity loss, and their sources.

        Rows that belong to no person of the batch are left out.

        Args:
            name: The identity loss.
            data_samples: The B samples of the pass, tagged.
            sources: Their B source indices.
        """
        if not self.embeddings[name]:
            return None
        embeddings, person_ids = map(torch.cat, zip(*self.embeddings[name]))
        identities = source_of_identities(data_samples, sources)
        owners = source_of_persons(person_ids, identities)
        known = owners != UNKNOWN_SOURCE
        return embeddings[known], owners[known]

    def _note_map(self, name: str) -> Callable:
        def hook(module, args, output):
            if module.training:
                self.maps[name] = output

        return hook

    def _note_embeddings(self, name: str) -> Callable:
        def hook(module, args, kwargs):
            names = ('embeddings', 'person_ids')
            given = {**dict(zip(names, args)), **kwargs}
            self.embeddings[name].append(
                (given['embeddings'], given['person_ids'])
            )
            given['person_ids'] = untag(given['person_ids'])
            return tuple(args[len(names) :]), given

        return hook
