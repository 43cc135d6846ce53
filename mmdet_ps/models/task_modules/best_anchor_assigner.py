"""Assignment of anchors to persons by overlap, without a loop over persons."""

import torch
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.registry import TASK_UTILS
from torch import Tensor

from .person_assigner import PersonAssigner


@TASK_UTILS.register_module()
class BestAnchorAssigner(PersonAssigner):
    """Overlap thresholds; the best anchors of a person are always positive.

    As torchvision, and with it SeqNet and deep-person-search, does it: an
    anchor that is one of the best of any person (ties included) goes to the
    person it overlaps most, which need not be that person. mmdet gives it to
    that person.

    Args:
        pos_iou_thr (float): overlap from which an anchor is positive.
        neg_iou_thr (float): overlap under which an anchor is negative.
        **kwargs: of ``PersonAssigner``.
    """

    def __init__(
        self, pos_iou_thr: float, neg_iou_thr: float, **kwargs
    ) -> None:
        super().__init__(
            pos_iou_thr, neg_iou_thr, match_low_quality=False, **kwargs
        )

    def assign_wrt_overlaps(
        self, overlaps: Tensor, gt_labels: Tensor
    ) -> AssignResult:
        """Assign by overlaps.

        Args:
            overlaps (Tensor): IoU, (persons, anchors).
            gt_labels (Tensor): of the persons, (persons,) int64.
        """
        result = super().assign_wrt_overlaps(overlaps, gt_labels)
        if overlaps.numel() == 0:
            return result
        best_of_person = overlaps.max(dim=1, keepdim=True).values
        forced = ((overlaps == best_of_person) & (best_of_person > 0)).any(0)
        person_of_anchor = overlaps.argmax(dim=0)
        result.gt_inds = torch.where(
            forced, person_of_anchor + 1, result.gt_inds
        )
        result.labels = torch.where(
            forced, gt_labels[person_of_anchor], result.labels
        )
        return result
