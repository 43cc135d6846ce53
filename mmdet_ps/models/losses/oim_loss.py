"""Online instance matching: a softmax over a memory of persons."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.dist import get_world_size
from torch import Tensor

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from .distributed import mean_over_ranks
from .identity_loss import IdentityLoss
from .identity_memory import IdentityMemory
from .ids_on_host import check_person_ids, ids_on_host, places


@MODELS.register_module()
class OIMLoss(IdentityLoss):
    """Classify embeddings against an :class:`IdentityMemory`.

    Online instance matching of Xiao et al., "Joint Detection and
    Identification Feature Learning for Person Search" (CVPR 2017), section
    3.3. With the rows v of the look-up table, the slots u of the queue and a
    temperature T (there written as its inverse), an embedding x of unit length
    belongs to identity t with the probability

        p_t = exp(T v_t x) / (sum_j exp(T v_j x) + sum_k exp(T u_k x)),

    equation 1, and the loss is the mean of -log(p_t) over the labelled rows,
    equation 3. Unlabelled persons have no class of their own; they only enter
    the queue. AlignPS (Yan et al., CVPR 2021) weights each row by the focal
    factor (1 - p_t)^gamma.

    In training mode the memory is updated within ``forward``, after the
    similarities were computed.

    Args:
        num_identities (int): rows of the look-up table.
        queue_size (int): slots of the queue.
        embed_dims (int): length of an embedding.
        temperature (float): T, multiplier of the table's similarities.
        queue_temperature (float, optional): multiplier of the queue's; the
            same by default.
        gamma (float): exponent of the focal weight; 0 is the plain
            cross-entropy.
        reduction (str): divisor of the summed loss: the number of
            ``'labelled'`` rows, or of all ``'positives'``, the unlabelled
            included.
        queue_first (bool): let the unlabelled of this batch enter the queue
            before the similarities are computed.
        sampled_negatives (int, optional): compare with about so many of the
            table's other rows, drawn anew in each call, in place of all of
            them, for hundreds of thousands of identities (An et al.,
            "Partial FC: Training 10 Million Identities on a Single Machine",
            ICCVW 2021). The loss is that of the smaller softmax, so it is
            lower than the whole one, and the accuracy is higher.
        loss_weight (float): weight of the loss.
        memory (dict, optional): further options of :class:`IdentityMemory`.

    Raises:
        UserError: a ``reduction`` that does not exist, ``sampled_negatives``
            below one, or a person id beyond the table.
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
        sampled_negatives: int | None = None,
        loss_weight: float = 1.0,
        memory: dict | None = None,
    ) -> None:
        super().__init__()
        if reduction not in ('labelled', 'positives'):
            raise UserError(
                f"reduction is {reduction!r}: choose 'labelled' or 'positives'"
            )
        if sampled_negatives is not None and sampled_negatives < 1:
            raise UserError(
                f'sampled_negatives is {sampled_negatives}: give a number of '
                'identities, or None to compare with all'
            )
        self.temperature = temperature
        self.queue_temperature = (
            temperature if queue_temperature is None else queue_temperature
        )
        self.gamma = gamma
        self.reduction = reduction
        self.queue_first = queue_first
        self.sampled_negatives = sampled_negatives
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
        """Loss of embeddings (N, D) with person ids (N,); see the base class.

        It is divided by the number of counting rows of all ranks, times the
        ranks, so that the mean over the ranks, which is what
        DistributedDataParallel takes, is the loss of the joined batch.
        """
        # Products with thousands of rows overflow in half precision, and a
        # memory averages over many steps.
        with torch.autocast(embeddings.device.type, enabled=False):
            ids, kept_ids = ids_on_host(embeddings, person_ids)
            embeddings = F.normalize(embeddings.float())
            check_person_ids(ids, self.memory.num_identities)
            # A validation that asks for the loss must not teach the memory.
            if self.training:
                samples = self.memory.gather(embeddings, kept_ids)
                if self.queue_first:
                    self.memory.update_queue(*samples)
            labelled = places(ids >= 0)
            losses = self._losses(embeddings[labelled], person_ids[labelled])
            # After the similarities: a person is compared with what was known
            # of it before this batch.
            if self.training:
                self.memory.update_table(*samples)
                if not self.queue_first:
                    self.memory.update_queue(*samples)
            least = 0 if self.reduction == 'labelled' else UNLABELLED
            # At least one row among all ranks, however few there are.
            divisor = mean_over_ranks((person_ids >= least).sum()).clamp(
                min=1 / get_world_size()
            )
            return self.loss_weight * losses.sum() / divisor

    def _losses(self, embeddings: Tensor, person_ids: Tensor) -> Tensor:
        """Focal cross-entropies (n,) of labelled unit vectors (n, D) with
        person ids (n,) int64."""
        among = None
        if self.sampled_negatives is not None:
            among = draw_identities(
                person_ids, self.memory.num_identities, self.sampled_negatives
            )
            person_ids = torch.searchsorted(among, person_ids)
        known, strangers = self.memory.similarities(embeddings, among)
        logits = torch.cat(
            [self.temperature * known, self.queue_temperature * strangers],
            dim=1,
        )
        self.note_accuracy(logits, person_ids)
        log_prob = F.log_softmax(logits, dim=1)
        log_prob = log_prob.gather(1, person_ids[:, None]).squeeze(1)
        # pow(0) would be the same, with a gradient of nan where p is 1.
        if self.gamma == 0:
            return -log_prob
        return -(1 - log_prob.exp()).pow(self.gamma) * log_prob


def draw_identities(person_ids: Tensor, total: int, negatives: int) -> Tensor:
    """All identities of a batch, and others drawn without replacement.

    Args:
        person_ids (Tensor): identities of the batch, (n,) int64, which may
            repeat.
        total (int): identities to draw from.
        negatives (int): others to draw at least; those that repeat in the
            batch make room for more, as how many they are is known on the
            device alone.

    Returns:
        Tensor: ascending, (min(n + negatives, total),) int64.
    """
    keys = torch.rand(total, device=person_ids.device)
    keys[person_ids] = 2.0  # before every drawn one
    number = min(len(person_ids) + negatives, total)
    return keys.topk(number).indices.sort().values
