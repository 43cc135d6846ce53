"""Tells from a person id which source its image came from.

A detector mixes the persons of all images of a batch before it embeds them.
Labelled persons can be traced back by their id, since no two sources share
an identity. Unlabelled persons all carry ``UNLABELLED``; for the time of one
forward pass theirs is replaced by a negative number per source, and restored
before any identity loss sees it.
"""

from collections.abc import Sequence

import torch
from mmdet.structures import SampleList
from torch import Tensor

from mmdet_ps.structures.fields import IGNORED, UNLABELLED

UNKNOWN_SOURCE = -1


def tag_unlabelled(data_samples: SampleList, sources: Sequence[int]) -> None:
    """Mark the unlabelled persons of each sample with its source, in place.

    Args:
        data_samples: B samples.
        sources: B source indices.
    """
    for data_sample, source in zip(data_samples, sources):
        instances = data_sample.gt_instances
        person_ids = instances.person_ids
        instances.person_ids = torch.where(
            person_ids == UNLABELLED, IGNORED - 1 - source, person_ids
        )


def untag(person_ids: Tensor) -> Tensor:
    """The ids (N,) with every tagged one UNLABELLED again."""
    return torch.where(person_ids < IGNORED, UNLABELLED, person_ids)


def source_of_identities(
    data_samples: SampleList, sources: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The labelled ids (K,) of a batch, sorted, and their sources (K,)."""
    ids, owners = [], []
    for data_sample, source in zip(data_samples, sources):
        person_ids = data_sample.gt_instances.person_ids
        ids.append(person_ids[person_ids >= 0])
        owners.append(torch.full_like(ids[-1], source))
    ids, order = torch.cat(ids).sort()
    return ids, torch.cat(owners)[order]


def source_of_persons(
    person_ids: Tensor, identities: tuple[Tensor, Tensor]
) -> Tensor:
    """The source (N,) of tagged ids (N,), UNKNOWN_SOURCE where untraceable.

    Args:
        person_ids: As an identity loss receives them, still tagged.
        identities: What :func:`source_of_identities` said of the batch.
    """
    ids, owners = identities
    sources = torch.full_like(person_ids, UNKNOWN_SOURCE)
    tagged = person_ids < IGNORED
    sources[tagged] = IGNORED - 1 - person_ids[tagged]
    if len(ids):
        places = torch.searchsorted(ids, person_ids.contiguous())
        places = places.clamp(max=len(ids) - 1)
        known = ids[places] == person_ids
        sources[known] = owners[places[known]]
    return sources
