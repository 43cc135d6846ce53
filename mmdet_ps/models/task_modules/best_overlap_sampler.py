"""RoIs that train the re-ID head: the best-placed few of each person."""

import torch
from mmdet.registry import TASK_UTILS
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from mmdet_ps.structures.fields import UNLABELLED


@TASK_UTILS.register_module()
class BestOverlapSampler:
    """PK sampling: of every person the K RoIs that overlap it most.

    The person's own box takes part and always comes first. Nothing is random.

    Args:
        num_per_person (int): K.
        min_iou (float): overlap a RoI needs to stand for a person.
        labelled_only (bool): leave out persons without identity.
    """

    def __init__(
        self,
        num_per_person: int = 4,
        min_iou: float = 0.5,
        labelled_only: bool = False,
    ) -> None:
        self.num_per_person = num_per_person
        self.min_iou = min_iou
        self.labelled_only = labelled_only

    def sample(
        self, proposals: Tensor, bboxes: Tensor, person_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """RoIs of one image, grouped by person, best first.

        Args:
            proposals (Tensor): (P, 4) xyxy, pixels.
            bboxes (Tensor): annotated boxes, (G, 4) xyxy, pixels.
            person_ids (Tensor): of these, (G,) int64.

        Returns:
            tuple[Tensor, Tensor]: boxes (R, 4) and the index of the annotated
            box each stands for, (R,) int64.
        """
        return self.sample_images([(proposals, bboxes, person_ids)])[0]

    def sample_images(
        self, images: list[tuple[Tensor, Tensor, Tensor]]
    ) -> list[tuple[Tensor, Tensor]]:
        """RoIs of several images; of each the arguments and what is returned
        are as of :meth:`sample`."""
        ranked = [self._ranked(*image) for image in images]
        # A GPU is waited for once, and not for every image.
        masks = torch.cat([mask for *_, mask in ranked]).cpu()
        masks = masks.split([len(mask) for *_, mask in ranked])
        found = []
        for (boxes, persons, _), mask in zip(ranked, masks):
            rows = mask.nonzero().squeeze(1)
            found.append((boxes[rows], persons[rows]))
        return found

    def _ranked(
        self, proposals: Tensor, bboxes: Tensor, person_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (N, 4) of one image in the order of :meth:`sample`, the
        annotated boxes (N,) they stand for, and which are taken, (N,)."""
        if len(bboxes) == 0:
            nobody = person_ids.new_zeros(0)
            return proposals[:0], nobody, nobody.bool()
        candidates = torch.cat([bboxes, proposals])
        overlaps, persons = bbox_overlaps(candidates, bboxes).max(dim=1)
        own = torch.arange(len(bboxes), device=bboxes.device)
        overlaps[own], persons[own] = 2.0, own  # a person's box leads
        usable = overlaps >= self.min_iou
        if self.labelled_only:
            usable &= person_ids[persons] > UNLABELLED
        # Sorted by overlap, then stably by person: so within a person the
        # best come first.
        order = overlaps.argsort(descending=True, stable=True)
        # Nobody's come last, as those of a person after all.
        groups = persons.where(usable, len(bboxes))
        order = order[groups[order].argsort(stable=True)]
        groups = groups[order]
        counts = groups.new_zeros(len(bboxes) + 1)
        counts = counts.scatter_add(0, groups, torch.ones_like(groups))
        first = counts.cumsum(0) - counts
        rank = torch.arange(len(order), device=order.device) - first[groups]
        taken = (rank < self.num_per_person) & (groups < len(bboxes))
        return candidates[order], persons[order], taken
