"""The persons of a batch, on the host: they decide how many rows there are."""

import weakref
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from mmdet_ps.structures.fields import IGNORED
from mmdet_ps.utils.errors import UserError


class _Copy(NamedTuple):
    """What :func:`ids_on_host` returned, and for which tensors."""

    person_ids: weakref.ref
    versions: tuple[int, int]
    ids: tuple[Tensor, Tensor]


# By the embeddings; gone with them.
_COPIES: WeakIdKeyDictionary = WeakIdKeyDictionary()


def ids_on_host(
    embeddings: Tensor, person_ids: Tensor
) -> tuple[Tensor, Tensor]:
    """Person ids on the host, and those that a memory may take in.

    They decide which rows are taken, and how many. A GPU is waited for here,
    once, and not wherever that is asked for. Several losses may be given the
    very same tensors: only the first of them waits.

    Args:
        embeddings (Tensor): (N, D) float.
        person_ids (Tensor): (N,) int64.

    Returns:
        tuple[Tensor, Tensor]: (N,) int64 each. In the second, rows that are
        not finite (an overflow under mixed precision) are ``IGNORED``: a
        memory would never get rid of them.
    """
    versions = (_version(embeddings), _version(person_ids))
    found = _COPIES.get(embeddings)
    if (
        found is not None
        and found.person_ids() is person_ids
        and found.versions == versions
    ):
        return found.ids
    finite = embeddings.detach().isfinite().all(dim=1)
    ids = torch.stack([person_ids, person_ids.masked_fill(~finite, IGNORED)])
    given, kept = ids.cpu()
    _COPIES[embeddings] = _Copy(
        weakref.ref(person_ids), versions, (given, kept)
    )
    return given, kept


def _version(tensor: Tensor) -> int:
    """How often a tensor was written to; not known in inference mode."""
    return -1 if tensor.is_inference() else tensor._version


def places(mask: Tensor) -> Tensor:
    """Where a mask (N,) is true, (n,) int64; for masks on the host."""
    return mask.nonzero().squeeze(1)


def check_person_ids(person_ids: Tensor, num_identities: int) -> None:
    """Refuse ids beyond the look-up table, or the classes, of a loss.

    They would be taken for strangers of the queue, or fail far from here on a
    GPU.

    Args:
        person_ids (Tensor): (N,) int64, on the host.
        num_identities (int): rows of the table, or classes.

    Raises:
        UserError: naming the largest id, and the number of rows.
    """
    if len(person_ids) and int(person_ids.max()) >= num_identities:
        raise UserError(
            f'person id {int(person_ids.max())} in a batch, but the loss '
            f'holds {num_identities} identities: set num_identities of the '
            'loss to that of the training set'
        )
