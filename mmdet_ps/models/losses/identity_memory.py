"""Memory of the persons seen: a look-up table and a queue of strangers."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from torch import Tensor, nn

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from .distributed import all_gather_rows
from .ids_on_host import ids_on_host, places
from .table_products import TableReads


class IdentityMemory(nn.Module):
    """One row per labelled identity and a circular queue of unlabelled ones.

    A row v is updated by an embedding x of its identity as

        v <- momentum * v + (1 - momentum) * x

    (Xiao et al., CVPR 2017, section 3.3). The published methods differ in the
    details, hence the options.

    The memory holds state only: buffers, so that checkpoints carry all of it.
    Under ``torch.distributed`` the samples of all ranks are joined in rank
    order, hence the memories stay equal everywhere.

    Args:
        num_identities (int): rows of the look-up table.
        queue_size (int): slots of the queue; 0 for none.
        embed_dims (int): length of an embedding, D.
        momentum (float): weight of the old row in an update.
        normalize_table (bool): scale a row to unit length after each update.
        queue_dims (int, optional): leading dimensions written to the queue,
            the others stay zero. All by default. AlignPS' published models
            were trained with 64 of 256.
        table_update (str): ``'in-order'`` lets the samples of an identity
            count one after another, ``'last'`` only the last of a batch.
        normalize_reads (bool): compare with rows of unit length whatever the
            stored length is.
        filled_only (bool): leave slots that were never written out of the
            comparison (their similarities are ``-inf``).

    Raises:
        UserError: a ``table_update`` that does not exist.
    """

    def __init__(
        self,
        num_identities: int,
        queue_size: int,
        embed_dims: int = 256,
        momentum: float = 0.5,
        normalize_table: bool = False,
        queue_dims: int | None = None,
        table_update: str = 'in-order',
        normalize_reads: bool = False,
        filled_only: bool = False,
    ) -> None:
        super().__init__()
        if table_update not in ('in-order', 'last'):
            raise UserError(
                f'table_update is {table_update!r}: choose '
                "'in-order' or 'last'"
            )
        self.num_identities = num_identities
        self.queue_size = queue_size
        self.embed_dims = embed_dims
        self.momentum = momentum
        self.normalize_table = normalize_table
        self.queue_dims = queue_dims
        self.table_update = table_update
        self.normalize_reads = normalize_reads
        self.filled_only = filled_only
        self._reads = TableReads()
        # Buffers, not parameters: no optimizer moves them. Numbers are
        # buffers too, so that a resumed training goes on at the same slot.
        self.register_buffer(
            'lookup_table', torch.zeros(num_identities, embed_dims)
        )
        self.register_buffer('queue', torch.zeros(queue_size, embed_dims))
        self.register_buffer('tail', torch.zeros((), dtype=torch.long))
        self.register_buffer('count', torch.zeros((), dtype=torch.long))

    def similarities(
        self, embeddings: Tensor, among: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Scalar products with all rows, or with some of the table's.

        Updating the memory afterwards does not disturb the gradients of the
        embeddings, which are those of the memory as it is now.

        Args:
            embeddings (Tensor): (N, D) float32, of unit length.
            among (Tensor, optional): rows of the table, (K,) int64.

        Returns:
            tuple[Tensor, Tensor]: products with the table, (N,
            num_identities) or (N, K), and with the queue, (N, queue_size).
        """
        if among is None:
            known = self._reads.products(
                embeddings, self.lookup_table, self.normalize_reads
            )
        else:
            known = self._products(embeddings, self.lookup_table[among])
        strangers = self._products(embeddings, self.queue.clone())
        if self.filled_only:
            slots = torch.arange(self.queue_size, device=strangers.device)
            strangers = strangers.masked_fill(
                slots >= self.count, float('-inf')
            )
        return known, strangers

    def _products(self, embeddings: Tensor, rows: Tensor) -> Tensor:
        """Scalar products (N, K) with a copy (K, D) of some rows."""
        rows = rows.float()
        if self.normalize_reads:
            rows = F.normalize(rows)
        return embeddings @ rows.t()

    @torch.no_grad()
    def gather(
        self, embeddings: Tensor, person_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The samples of all ranks, in rank order.

        Args:
            embeddings (Tensor): of this rank, (N, D) float.
            person_ids (Tensor): of this rank, (N,) int64, on the host; see
                :func:`ids_on_host`.

        Returns:
            tuple[Tensor, Tensor]: embeddings (M, D) float32, and person ids
            (M,) int64 on the host.
        """
        embeddings = all_gather_rows(embeddings.float())
        if get_world_size() > 1:
            person_ids = all_gather_rows(person_ids.to(embeddings.device))
        return embeddings, person_ids.cpu()

    def update(self, embeddings: Tensor, person_ids: Tensor) -> None:
        """Take in the samples of all ranks: first the table, then the queue.

        Args:
            embeddings (Tensor): of this rank, (N, D) float, of unit length.
            person_ids (Tensor): of this rank, (N,) int64.
        """
        _, person_ids = ids_on_host(embeddings, person_ids)
        embeddings, person_ids = self.gather(embeddings, person_ids)
        self.update_table(embeddings, person_ids)
        self.update_queue(embeddings, person_ids)

    @torch.no_grad()
    def update_table(self, embeddings: Tensor, person_ids: Tensor) -> None:
        """Move the rows of the labelled persons.

        Args:
            embeddings (Tensor): gathered samples, (M, D) float32.
            person_ids (Tensor): their persons, (M,) int64, on the host.
        """
        # One step per identity and not per sample, on the GPU as well: the
        # samples of an identity stand in one row of a padded table.
        labelled = places(person_ids >= 0)
        groups = group_by_identity(embeddings[labelled], person_ids[labelled])
        if len(groups.identities) == 0:
            return
        rows = before = self.lookup_table[groups.identities]
        if self.table_update == 'last':
            rows = average_last(rows, groups, self.momentum)
            rows = F.normalize(rows) if self.normalize_table else rows
        elif self.normalize_table:
            rows = average_in_order_normalized(rows, groups, self.momentum)
        else:
            rows = average_in_order(rows, groups, self.momentum)
        self._reads.note(groups.identities, before, rows)
        self.lookup_table[groups.identities] = rows

    @torch.no_grad()
    def update_queue(self, embeddings: Tensor, person_ids: Tensor) -> None:
        """Append the unlabelled persons, in place of the oldest ones.

        Args:
            embeddings (Tensor): gathered samples, (M, D) float32.
            person_ids (Tensor): their persons, (M,) int64, on the host.
        """
        strangers = embeddings[places(person_ids == UNLABELLED)]
        if self.queue_size == 0 or len(strangers) == 0:
            return
        number = len(strangers)
        # Of more strangers than there are slots only the newest stay, at the
        # slots they would have ended in.
        slots = self.tail + torch.arange(number, device=strangers.device)
        newest = slice(-self.queue_size, None)
        slots = slots[newest] % self.queue_size
        self.queue[slots, : self.queue_dims] = strangers[
            newest, : self.queue_dims
        ]
        self.tail.copy_((self.tail + number) % self.queue_size)
        self.count.copy_((self.count + number).clamp(max=self.queue_size))


class GroupedSamples(NamedTuple):
    """The samples of a batch, one row per identity, in their given order."""

    identities: Tensor  # (U,) distinct identities
    samples: Tensor  # (U, K, D), padded with zeros
    counts: Tensor  # (U,) samples of each identity


def group_by_identity(embeddings: Tensor, ids: Tensor) -> GroupedSamples:
    """Group samples by their identity, keeping their order within it.

    Args:
        embeddings (Tensor): (N, D) float32.
        ids (Tensor): identities, (N,) int64, not negative, on the host.
    """
    ids, order = ids.sort(stable=True)
    identities, group, counts = ids.unique_consecutive(
        return_inverse=True, return_counts=True
    )
    starts = counts.cumsum(0) - counts
    rank = torch.arange(len(ids)) - starts[group]
    longest = int(counts.max()) if len(ids) else 0
    samples = embeddings.new_zeros(
        len(identities), longest, embeddings.size(1)
    )
    samples[group, rank] = embeddings[order]
    return GroupedSamples(
        identities.to(samples.device), samples, counts.to(samples.device)
    )


def average_in_order(
    rows: Tensor, groups: GroupedSamples, momentum: float
) -> Tensor:
    """Rows after ``row <- momentum * row + (1 - momentum) * sample`` for one
    sample of an identity after another.

    Unrolled, sample k of n counts (1 - momentum) * momentum^(n - 1 - k) and
    the old row momentum^n, so that no loop over samples is needed.

    Args:
        rows (Tensor): present rows of ``groups.identities``, (U, D) float32.
        groups (GroupedSamples): the samples of U identities.
        momentum (float): weight of the old row.

    Returns:
        Tensor: (U, D) float32.
    """
    counts = groups.counts[:, None]
    steps = torch.arange(groups.samples.size(1), device=rows.device)
    later = (counts - 1 - steps).clamp(min=0)
    weights = (1 - momentum) * momentum**later * (steps < counts)
    return momentum**counts * rows + torch.einsum(
        'uk,ukd->ud', weights.to(rows), groups.samples
    )


def average_in_order_normalized(
    rows: Tensor, groups: GroupedSamples, momentum: float
) -> Tensor:
    """As :func:`average_in_order`, scaling to unit length after each sample.

    The lengths depend on all samples before, so this goes through the ranks
    (first sample of every identity, second, ...).
    """
    for step, samples in enumerate(groups.samples.unbind(1)):
        moved = momentum * rows + (1 - momentum) * samples
        active = step < groups.counts[:, None]
        rows = torch.where(active, F.normalize(moved), rows)
    return rows


def average_last(
    rows: Tensor, groups: GroupedSamples, momentum: float
) -> Tensor:
    """Rows moved towards the last sample of each identity alone; arguments as
    of :func:`average_in_order`."""
    index = torch.arange(len(rows), device=rows.device)
    last = groups.samples[index, groups.counts - 1]
    return momentum * rows + (1 - momentum) * last
