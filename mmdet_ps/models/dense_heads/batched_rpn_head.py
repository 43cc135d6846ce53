"""Region proposals whose targets are found for all images at once."""

import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor

from ..task_modules.batched_assignment import (
    UNUSED,
    assign_by_overlap,
    masked_overlaps,
    pad,
    sample,
    without_ignored,
)


@MODELS.register_module()
class BatchedRPNHead(RPNHead):
    """mmdet's RPN on one level, without a loop over images in the loss.

    ``train_cfg`` is mmdet's, for ``PersonAssigner`` and ``RandomSampler``.
    Proposals are mmdet's: their NMS goes image by image, which costs less
    than one over all boxes of a batch.
    """

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, A, H, W) and deltas (B, 4 * A, H, W) of a map.

        In single precision, which the proposals take over: half a number
        cannot tell pixels apart.
        """
        logits, deltas = super().forward_single(x)
        return logits.float(), deltas.float()

    def loss_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        batch_gt_instances: list[InstanceData],
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: list[InstanceData] | None = None,
    ) -> dict[str, Tensor]:
        """Losses of one level.

        Args:
            cls_scores (list[Tensor]): (B, A, H, W) logits.
            bbox_preds (list[Tensor]): (B, 4 * A, H, W) deltas.
            batch_gt_instances (list): With ``bboxes``.
            batch_img_metas (list[dict]): With ``img_shape``.
            batch_gt_instances_ignore (list, optional): With ``bboxes``, or
                None for an image without.
        """
        (logits,), (deltas,) = cls_scores, bbox_preds
        (anchors,) = self.prior_generator.grid_priors(
            [logits.shape[-2:]], device=logits.device
        )
        images = len(logits)
        logits = logits.permute(0, 2, 3, 1).reshape(images, -1, 1)
        deltas = deltas.permute(0, 2, 3, 1).reshape(images, -1, 4)
        persons, real = pad([gt.bboxes for gt in batch_gt_instances])
        assigned = self._assign(anchors, persons, real, batch_img_metas)
        assigned = without_ignored(
            assigned,
            anchors.expand(images, -1, -1),
            batch_gt_instances_ignore,
            self.assigner,
        )
        positive, negative = sample(
            assigned, self.sampler.num, self.sampler.pos_fraction
        )
        counts = torch.stack([positive.sum(dim=1), negative.sum(dim=1)])
        # As mmdet counts: an empty part of an image is one.
        divisor = counts.clamp(min=1).sum()
        drawn = positive | negative
        image, anchor = positive.nonzero(as_tuple=True)
        targets = self.bbox_coder.encode(
            anchors[anchor], persons[image, assigned[positive]]
        )
        labels = (~positive[drawn]).long()  # 0 a person, 1 background
        return dict(
            loss_rpn_cls=self.loss_cls(
                logits[drawn], labels, avg_factor=divisor
            ),
            loss_rpn_bbox=self.loss_bbox(
                deltas[positive], targets, avg_factor=divisor
            ),
        )

    def _assign(
        self,
        anchors: Tensor,
        persons: Tensor,
        real: Tensor,
        batch_img_metas: list[dict],
    ) -> Tensor:
        """Person (B, A) of each of (A, 4) anchors, those that lie in the
        image; see ``assign_by_overlap``."""
        border = self.train_cfg['allowed_border']
        shapes = [meta['img_shape'][:2] for meta in batch_img_metas]
        limits = torch.tensor(shapes, device=anchors.device).flip(1) + border
        usable = (anchors[:, :2] >= -border).all(dim=1) & (
            anchors[:, 2:] < limits[:, None]
        ).all(dim=2)
        rule = self.assigner
        every = anchors.expand(len(persons), -1, -1)
        assigned = assign_by_overlap(
            masked_overlaps(every, usable, persons, real),
            rule.pos_iou_thr,
            rule.neg_iou_thr,
            rule.min_pos_iou if rule.match_low_quality else None,
        )
        return assigned.masked_fill(~usable, UNUSED)
