"""Online instance matching beside a classifier of the training persons."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.dist import get_world_size
from torch import Tensor, nn

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.structures.fields import UNLABELLED

from .distributed import mean_over_ranks
from .ids_on_host import ids_on_host, places
from .oim_loss import OIMLoss


@MODELS.register_module()
class ClassifiedOIMLoss(OIMLoss):
    """:class:`OIMLoss`, and the cross-entropy of a linear classifier.

    As COAT is trained (Yu et al., CVPR 2022). The unit embeddings of all
    persons, the unlabelled included, are batch-normalised without a shift and
    classified without a bias; the labelled ones count in the loss.

    Args:
        classifier_weight (float): weight of the classifier's loss.
        **kwargs: options of ``OIMLoss``.
    """

    def __init__(self, classifier_weight: float = 0.5, **kwargs) -> None:
        super().__init__(**kwargs)
        memory = self.memory
        self.classifier_weight = classifier_weight
        self.norm = SmallBatchNorm1d(memory.embed_dims)
        self.norm.register_parameter('bias', None)
        self.classifier = nn.Linear(
            memory.embed_dims, memory.num_identities, bias=False
        )
        nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(
        self,
        embeddings: Tensor,
        person_ids: Tensor,
        image_indices: Tensor | None = None,
        box_indices: Tensor | None = None,
    ) -> Tensor:
        """Loss of embeddings (N, D) with person ids (N,); see the parent."""
        loss = super().forward(
            embeddings, person_ids, image_indices, box_indices
        )
        ids, _ = ids_on_host(embeddings, person_ids)
        persons = places(ids >= UNLABELLED)
        targets = person_ids[persons]
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = self.norm(F.normalize(embeddings[persons].float()))
            summed = F.cross_entropy(
                self.classifier(rows),
                targets,
                ignore_index=UNLABELLED,
                reduction='sum',
            )
        # At least one row among all ranks, however few there are.
        divisor = mean_over_ranks((targets >= 0).sum()).clamp(
            min=1 / get_world_size()
        )
        return loss + self.classifier_weight * summed / divisor
