"""Region proposals whose targets are found for all images at once."""

import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.models.losses.distributed import mean_over_ranks
from mmdet_ps.models.losses.ids_on_host import places
from mmdet_ps.utils.errors import UserError

from ..task_modules.batched_assignment import (
    UNUSED,
    assign_persons,
    check_rules,
    pad,
    sample_boxes_on_host,
    without_ignored,
)


@MODELS.register_module()
class BatchedRPNHead(RPNHead):
    """mmdet's RPN on one level, without a loop over images in the loss.

    ``train_cfg`` is mmdet's, for ``PersonAssigner`` and ``RandomSampler``;
    options of these that are not followed here are refused. Proposals are
    mmdet's: their NMS goes image by image, which costs less than one over all
    boxes of a batch.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.train_cfg:
            check_rules(self.assigner, self.sampler)
            if self.sampler.add_gt_as_proposals:
                raise UserError(
                    'train_cfg.rpn.sampler.add_gt_as_proposals=True: the '
                    'boxes of a region proposal network are its anchors '
                    'alone; write False'
                )

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
        size = logits.shape[-2:]
        (anchors,) = self.prior_generator.grid_priors(
            [size], device=logits.device
        )
        images = len(logits)
        # The order of the anchors: row by row, and all of a cell together.
        logits = logits.permute(0, 2, 3, 1).reshape(images, -1, 1)
        deltas = deltas.permute(0, 2, 3, 1).reshape(images, -1, 4)
        persons, real = pad([gt.bboxes for gt in batch_gt_instances])
        assigned = self._assign(anchors, size, persons, real, batch_img_metas)
        assigned = without_ignored(
            assigned,
            anchors.expand(images, -1, -1),
            batch_gt_instances_ignore,
            self.assigner.ignore_iof_thr,
        )
        drawn = sample_boxes_on_host(
            assigned, self.sampler.num, self.sampler.pos_fraction
        )
        # As mmdet counts: an empty part of an image is one.
        counts = (2 * drawn.image + drawn.positive).bincount(
            minlength=2 * images
        )
        divisor = mean_over_ranks(counts.clamp(min=1).sum().to(logits.device))
        image, anchor, is_person = (part.to(logits.device) for part in drawn)
        sampled = image, anchor
        labels = (~is_person).long()  # 0 a person, 1 background
        found = places(drawn.positive)
        image, anchor = positive = image[found], anchor[found]
        targets = self.bbox_coder.encode(
            anchors[anchor], persons[image, assigned[positive]]
        )
        return dict(
            loss_rpn_cls=self.loss_cls(
                logits[sampled],
                labels,
                weight=self._label_weights(labels),
                avg_factor=divisor,
            ),
            loss_rpn_bbox=self.loss_bbox(
                deltas[positive], targets, avg_factor=divisor
            ),
        )

    def _assign(
        self,
        anchors: Tensor,
        size: tuple[int, int],
        persons: Tensor,
        real: Tensor,
        batch_img_metas: list[dict],
    ) -> Tensor:
        """Person of each anchor; see ``assign_persons``.

        Anchors that do not count are UNUSED: those centred on the padding that
        was added to make the images of a batch alike, and those that leave
        their image by more than ``allowed_border`` pixels, where that is not
        negative (no limit).

        Args:
            anchors (Tensor): (A, 4) xyxy, pixels.
            size (tuple[int, int]): height and width of the map.
            persons (Tensor): annotated boxes, (B, M, 4) xyxy, pixels.
            real (Tensor): which of these exist, (B, M) bool.
            batch_img_metas (list[dict]): with ``img_shape`` and ``pad_shape``.

        Returns:
            Tensor: (B, A) int64.
        """
        usable = self._usable(anchors, size, batch_img_metas)
        every = anchors.expand(len(persons), -1, -1)
        assigned = assign_persons(every, usable, persons, real, self.assigner)
        return assigned.masked_fill(~usable, UNUSED)

    def _usable(
        self,
        anchors: Tensor,
        size: tuple[int, int],
        batch_img_metas: list[dict],
    ) -> Tensor:
        """Which anchors (A, 4) of a map of some size count, (B, A) bool."""
        shapes = [
            [*meta['img_shape'][:2], *meta.get('pad_shape', meta['img_shape'])]
            for meta in batch_img_metas
        ]
        shapes = torch.tensor([s[:4] for s in shapes], device=anchors.device)
        image, padded = shapes[:, None, :2], shapes[:, None, 2:]
        # The cells of the map that begin within an image, padded by itself.
        across, down = self.prior_generator.strides[0]
        rows = torch.arange(size[0], device=anchors.device) * down
        columns = torch.arange(size[1], device=anchors.device) * across
        usable = (rows < padded[..., 0])[:, :, None] & (
            columns < padded[..., 1]
        )[:, None, :]
        per_cell = len(anchors) // (size[0] * size[1])
        usable = usable.flatten(1).repeat_interleave(per_cell, dim=1)
        border = self.train_cfg['allowed_border']
        if border < 0:
            return usable
        inside = (anchors[:, :2] >= -border).all(dim=1) & (
            anchors[:, 2:] < image.flip(-1) + border
        ).all(dim=2)
        return usable & inside

    def _label_weights(self, labels: Tensor) -> Tensor | None:
        """Weights (N,) of labels (N,), None where all weigh the same."""
        weight = self.train_cfg.get('pos_weight', -1)
        if weight <= 0:
            return None
        return torch.where(labels == 0, weight, 1.0)
