"""RoI head whose RoIs are drawn for all images at once."""

import torch
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from mmdet_ps.models.losses.identity_loss import NO_BOX, PersonRows
from mmdet_ps.structures.fields import IGNORED

from ..task_modules.batched_assignment import (
    UNUSED,
    assign_by_overlap,
    masked_overlaps,
    pad,
    sample,
    without_ignored,
)
from .person_search_roi_head import PersonSearchRoIHead
from .reid_accuracy import reid_accuracy


@MODELS.register_module()
class BatchedRoIHead(PersonSearchRoIHead):
    """``PersonSearchRoIHead`` without a loop over images in the loss.

    ``train_cfg`` is mmdet's, for ``PersonAssigner`` and ``RandomSampler``;
    the persons themselves are always among the proposals.
    """

    def loss_and_rows(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> tuple[dict[str, Tensor], PersonRows]:
        """See the parent class."""
        rois, person_ids, box_indices, targets = self.draw_rois(
            rpn_results_list, batch_data_samples
        )
        self.sampled_rois = rois, person_ids
        answers = self._bbox_forward(x, rois)
        losses = self.bbox_head.loss(
            answers['cls_score'], answers['bbox_pred'], rois, *targets
        )
        rows = PersonRows(
            answers['embeddings'], person_ids, rois[:, 0].long(), box_indices
        )
        losses['loss_reid'] = self.loss_reid(*rows)
        losses.update(reid_accuracy([self.loss_reid]))
        return losses, rows

    @torch.no_grad()
    def draw_rois(
        self, rpn_results_list: InstanceList, batch_data_samples: SampleList
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """RoIs (R, 5), their person ids (R,), the annotated boxes (R,) they
        stand for (NO_BOX for none), and labels (R,), weights of these (R,),
        deltas (R, 4) and weights of these (R, 4)."""
        given = [s.gt_instances for s in batch_data_samples]
        persons, real = pad([gt.bboxes for gt in given])
        ids, _ = pad([gt.person_ids for gt in given])
        boxes, usable = pad(
            [
                torch.cat([gt.bboxes, found.bboxes])
                for gt, found in zip(given, rpn_results_list)
            ]
        )
        assigned = assign_by_overlap(
            masked_overlaps(boxes, usable, persons, real),
            self.bbox_assigner.pos_iou_thr,
            self.bbox_assigner.neg_iou_thr,
        ).masked_fill(~usable, UNUSED)
        assigned = without_ignored(
            assigned,
            boxes,
            [s.get('ignored_instances') for s in batch_data_samples],
            self.bbox_assigner,
        )
        # The persons come first among the boxes, each is its own.
        first = assigned[:, : real.size(1)]
        itself = torch.arange(real.size(1), device=real.device)
        first.copy_(torch.where(real, itself, first))
        positive, negative = sample(
            assigned, self.bbox_sampler.num, self.bbox_sampler.pos_fraction
        )
        image, index = (positive | negative).nonzero(as_tuple=True)
        rois = torch.cat([image[:, None], boxes[image, index]], dim=1)
        person = assigned[image, index].clamp(min=0)
        is_person = positive[image, index]
        person_ids = ids[image, person].masked_fill(~is_person, IGNORED)
        deltas = self.bbox_head.bbox_coder.encode(
            rois[:, 1:], persons[image, person]
        )
        weight = is_person[:, None].to(deltas)
        return (
            rois,
            person_ids,
            person.masked_fill(~is_person, NO_BOX),
            (
                (~is_person).long(),
                torch.ones_like(deltas[:, 0]),
                deltas.where(is_person[:, None], torch.zeros_like(deltas)),
                weight.expand(-1, 4),
            ),
        )
