"""Online instance matching: softmax over a memory of persons."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.dist import get_world_size
from torch import Tensor

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from .distributed import mean_over_ranks
from .identity_loss import IdentityLoss
from .identity_memory import IdentityMemory, check_person_ids


@MODELS.register_module()
class OIMLoss(IdentityLoss):
    """Classify embeddings against an :class:`IdentityMemory`.

    In training mode the memory is updated within ``forward``, after the
    similarities were computed.

    Args:
        num_identities, queue_size, embed_dims: see :class:`IdentityMemory`.
        temperature (float): Multiplier of the table's similarities.
        queue_temperature (float, optional): Multiplier of the queue's; the
            same by default.
        gamma (float): Exponent of the focal weight ``(1 - p)**gamma``; 0 is
            the plain cross-entropy.
        reduction (str): Divisor of the summed loss: the number of
            ``'labelled'`` rows, or of all ``'positives'``, the unlabelled
            included.
        queue_first (bool): Let the unlabelled of this batch enter the queue
            before the similarities are computed.
        loss_weight (float): Weight of the loss.
        memory (dict, optional): Further options of the memory.
    """

    size_options = ('num_identities', 'queue_size')

    def __init__(
        self,
        num_identities: int,
        queue_size: int,
        embed_dims: int = 256,
        temperature: float = 30.0,
        queue_temperature: float | None = None,
        gamma: float = 0.0,
        reduction: str = 'labelled',
        queue_first: bool = False,
        loss_weight: float = 1.0,
        memory: dict | None = None,
    ) -> None:
        super().__init__()
        if reduction not in ('labelled', 'positives'):
            raise UserError(
                f"reduction is {reduction!r}: choose 'labelled' or 'positives'"
            )
        self.temperature = temperature
        self.queue_temperature = (
            temperature if queue_temperature is None else queue_temperature
        )
        self.gamma = gamma
        self.reduction = reduction
        self.queue_first = queue_first
        self.loss_weight = loss_weight
        self.memory = IdentityMemory(
            num_identities, queue_size, embed_dims, **(memory or {})
        )

    def forward(
        self,
        embeddings: Tensor,
        person_ids: Tensor,
        image_indices: Tensor | None = None,
        box_indices: Tensor | None = None,
    ) -> Tensor:
        """Loss of (N, D) embeddings with (N,) ids; see the base class.

        Divided by the number of counting rows of all ranks (times the ranks,
        so that the mean over the ranks is the loss of the joined batch).
        """
        check_person_ids(person_ids, self.memory.num_identities)
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = F.normalize(embeddings.float())
            if self.training:
                samples = self.memory.gather(embeddings, person_ids)
                if self.queue_first:
                    self.memory.update_queue(*samples)
            labelled = person_ids >= 0
            losses = self._losses(embeddings[labelled], person_ids[labelled])
            if self.training:
                self.memory.update_table(*samples)
                if not self.queue_first:
                    self.memory.update_queue(*samples)
            counted = (
                labelled
                if self.reduction == 'labelled'
                else person_ids >= UNLABELLED
            )
            # At least one row among all ranks, however few there are.
            divisor = mean_over_ranks(counted.sum()).clamp(
                min=1 / get_world_size()
            )
            return self.loss_weight * losses.sum() / divisor

    def _losses(self, embeddings: Tensor, person_ids: Tensor) -> Tensor:
        """Focal cross-entropies (n,) of labelled (n, D) unit vectors."""
        known, strangers = self.memory.similarities(embeddings)
        logits = torch.cat(
            [self.temperature * known, self.queue_temperature * strangers],
            dim=1,
        )
        self.note_accuracy(logits, person_ids)
        log_prob = F.log_softmax(logits, dim=1)
        log_prob = log_prob.gather(1, person_ids[:, None]).squeeze(1)
        if self.gamma == 0:
            return -log_prob
        return -(1 - log_prob.exp()).pow(self.gamma) * log_prob
