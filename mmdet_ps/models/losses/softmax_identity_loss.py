"""Classification of the training identities by a linear layer."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.dist import get_world_size
from torch import Tensor, nn

from .distributed import mean_over_ranks
from .identity_loss import IdentityLoss
from .ids_on_host import check_person_ids, ids_on_host, places


@MODELS.register_module()
class SoftmaxIdentityLoss(IdentityLoss):
    """Cross-entropy of a linear classifier; the unlabelled do not count.

    Args:
        num_identities (int): classes.
        embed_dims (int): length of an embedding.
        normalize_embeddings (bool): classify unit vectors.
        scale (float): factor of the logits.
        loss_weight (float): weight of the loss.

    Raises:
        UserError: a person id beyond the classes.
    """

    def __init__(
        self,
        num_identities: int,
        embed_dims: int = 256,
        normalize_embeddings: bool = False,
        scale: float = 1.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.num_identities = num_identities
        self.normalize_embeddings = normalize_embeddings
        self.scale = scale
        self.loss_weight = loss_weight
        self.classifier = nn.Linear(embed_dims, num_identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(
        self,
        embeddings: Tensor,
        person_ids: Tensor,
        image_indices: Tensor | None = None,
        box_indices: Tensor | None = None,
    ) -> Tensor:
        """Loss of embeddings (N, D) with person ids (N,); see the base class.

        It is divided by the number of labelled rows of all ranks, times the
        ranks, so that the mean over the ranks is the loss of the joined batch.
        """
        ids, _ = ids_on_host(embeddings, person_ids)
        check_person_ids(ids, self.num_identities)
        labelled = places(ids >= 0)
        targets = person_ids[labelled]
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.to(self.classifier.weight)
            if self.normalize_embeddings:
                embeddings = F.normalize(embeddings)
            logits = self.scale * self.classifier(embeddings[labelled])
        self.note_accuracy(logits, targets)
        losses = F.cross_entropy(logits, targets, reduction='sum')
        # At least one row among all ranks, however few there are.
        divisor = mean_over_ranks((person_ids >= 0).sum()).clamp(
            min=1 / get_world_size()
        )
        return self.loss_weight * losses / divisor
