"""RoI head whose RoIs are drawn for all images at once."""

import torch
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.models.losses.distributed import over_all_ranks
from mmdet_ps.models.losses.identity_loss import NO_BOX, PersonRows
from mmdet_ps.structures.fields import IGNORED

from ..task_modules.batched_assignment import (
    UNUSED,
    assign_persons,
    check_rules,
    pad,
    sample_boxes,
    without_ignored,
)
from .person_search_roi_head import PersonSearchRoIHead, reid_accuracy


@MODELS.register_module()
class BatchedRoIHead(PersonSearchRoIHead):
    """``PersonSearchRoIHead`` without a loop over images in the loss.

    ``train_cfg`` is mmdet's, for ``PersonAssigner`` and ``RandomSampler``;
    options of these that are not followed here are refused.
    """

    def init_assigner_sampler(self) -> None:
        """Build what ``train_cfg`` says.

        Raises:
            UserError: a rule that is not followed here.
        """
        super().init_assigner_sampler()
        if self.train_cfg:
            check_rules(self.bbox_assigner, self.bbox_sampler)

    def loss_and_rows(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> tuple[dict[str, Tensor], PersonRows]:
        """See the parent class."""
        rois, person_ids, box_indices, targets = self.sample_rois(
            rpn_results_list, batch_data_samples
        )
        self.sampled_rois = rois, person_ids
        answers = self._bbox_forward(x, rois)
        losses = self.bbox_head.loss(
            answers['cls_score'], answers['bbox_pred'], rois, *targets
        )
        losses = over_all_ranks(losses, len(rois), rois.device)
        rows = PersonRows(
            answers['embeddings'], person_ids, rois[:, 0].long(), box_indices
        )
        losses['loss_reid'] = self.loss_reid(*rows)
        losses.update(reid_accuracy([self.loss_reid]))
        return losses, rows

    @torch.no_grad()
    def sample_rois(
        self, rpn_results_list: InstanceList, batch_data_samples: SampleList
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Sample the RoIs of all images at once.

        Args:
            rpn_results_list (list): proposals of each of B images.
            batch_data_samples (list): their samples.

        Returns:
            tuple: RoIs (R, 5) float32; their person ids (R,) int64, IGNORED
            for background; the annotated boxes (R,) int64 they stand for,
            NO_BOX for none; and the targets of ``bbox_head.loss``: labels (R,)
            int64, their weights (R,), deltas (R, 4) and their weights (R, 4).
        """
        given = [s.gt_instances for s in batch_data_samples]
        persons, _ = pad([gt.bboxes for gt in given])
        ids, _ = pad([gt.person_ids for gt in given])
        boxes, assigned = self._assign(
            [found.bboxes for found in rpn_results_list],
            [gt.bboxes for gt in given],
            [s.get('ignored_instances') for s in batch_data_samples],
        )
        positive, negative = sample_boxes(
            assigned, self.bbox_sampler.num, self.bbox_sampler.pos_fraction
        )
        image, index = (positive | negative).nonzero(as_tuple=True)
        rois = torch.cat([image[:, None], boxes[image, index]], dim=1)
        # Background has no person: any will do, its row is masked below.
        person = assigned[image, index].clamp(min=0)
        is_person = positive[image, index]
        person_ids = ids[image, person].masked_fill(~is_person, IGNORED)
        deltas = self.bbox_head.bbox_coder.encode(
            rois[:, 1:], persons[image, person]
        )
        weight = is_person[:, None].to(deltas)
        label_weight = torch.ones_like(deltas[:, 0])
        if self.train_cfg.pos_weight > 0:
            label_weight[is_person] = self.train_cfg.pos_weight
        return (
            rois,
            person_ids,
            person.masked_fill(~is_person, NO_BOX),
            (
                (~is_person).long(),
                label_weight,
                deltas.where(is_person[:, None], torch.zeros_like(deltas)),
                weight.expand(-1, 4),
            ),
        )

    def _assign(
        self,
        proposals: list[Tensor],
        persons: list[Tensor],
        ignored: list[InstanceData | None],
    ) -> tuple[Tensor, Tensor]:
        """Boxes that may be sampled, and the person each belongs to.

        Args:
            proposals (list[Tensor]): (n, 4) xyxy of each of B images, pixels.
            persons (list[Tensor]): annotated boxes (m, 4) of each image.
            ignored (list): regions of each image as ``bboxes``, or None.

        Returns:
            tuple[Tensor, Tensor]: boxes (B, N, 4) and their persons (B, N)
            int64, BACKGROUND or UNUSED.
        """
        rule = self.bbox_assigner
        counts = [0] * len(persons)
        if self.bbox_sampler.add_gt_as_proposals:
            counts = list(map(len, persons))
            proposals = list(map(torch.cat, zip(persons, proposals)))
        boxes, real = pad(proposals)
        counts = torch.tensor(counts, device=real.device)
        index = torch.arange(boxes.size(1), device=real.device)
        is_person = index < counts[:, None]
        assigned = assign_persons(
            boxes, real & ~is_person, *pad(persons), rule
        ).masked_fill(~real, UNUSED)
        # The persons among the boxes come first, and each is its own.
        assigned = torch.where(is_person, index, assigned)
        return boxes, without_ignored(
            assigned, boxes, ignored, rule.ignore_iof_thr
        )
