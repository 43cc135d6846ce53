"""Region proposals ranked by logit (OIM, NAE, BSL, SeqNet)."""

import torch
from mmcv.ops import nms
from mmdet.models.dense_heads import RPNHead
from mmdet.registry import MODELS
from mmdet.utils import InstanceList
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.models.losses.distributed import mean_over_ranks
from mmdet_ps.models.losses.ids_on_host import places

# Boxes that are first looked at for each that is wanted.
FIRST_TRY = 4


@MODELS.register_module()
class LogitRankedRPNHead(RPNHead):
    """mmdet's RPN on one level, with proposals ranked by logit.

    mmdet ranks proposals by the sigmoid of their logit. In single precision
    that is exactly 1 for every logit above 17, so that a confident network has
    many proposals of the same rank, of which the NMS then keeps arbitrary
    ones. The logits themselves keep their order.

    ``cfg`` of a prediction: ``nms_pre``, ``nms.iou_threshold``,
    ``max_per_img`` and ``min_bbox_size`` (a side shorter than this many pixels
    drops the box; 0 keeps even empty boxes).
    """

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, A, H, W) and deltas (B, 4 * A, H, W) of a map.

        In single precision, which the anchors take over: half a number
        cannot tell pixels apart.
        """
        logits, deltas = super().forward_single(x)
        return logits.float(), deltas.float()

    def get_targets(self, *args, **kwargs) -> tuple:
        """mmdet's targets, with the divisor of the losses (the fifth entry)
        over all ranks; see ``mean_over_ranks``."""
        targets = list(super().get_targets(*args, **kwargs))
        device = targets[0][0].device
        targets[4] = mean_over_ranks(torch.tensor(targets[4], device=device))
        return tuple(targets)

    def predict_by_feat(
        self, *args, cfg: ConfigDict | None = None, **kwargs
    ) -> InstanceList:
        """Proposals of each image, best first.

        Args:
            *args: of mmdet's method, as are the others.
            cfg (ConfigDict, optional): thresholds, by default the head's
                ``test_cfg``.

        Returns:
            list[InstanceData]: ``bboxes`` (P, 4), ``scores`` (P,) after the
            sigmoid, ``labels`` (P,).
        """
        cfg = cfg or self.test_cfg
        ranked = super().predict_by_feat(*args, cfg=cfg, **kwargs)
        least = cfg.get('min_bbox_size', 0)
        wide = []
        for boxes in ranked:
            sides = boxes.bboxes[:, 2:] - boxes.bboxes[:, :2]
            wide.append((sides >= least).all(dim=1))
        # A GPU is waited for once, and not for every image.
        wide = torch.cat(wide).cpu().split([len(mask) for mask in wide])
        return [
            self._suppress(boxes if mask.all() else boxes[places(mask)], cfg)
            for boxes, mask in zip(ranked, wide)
        ]

    def _predict_by_feat_single(
        self,
        cls_score_list: list[Tensor],
        bbox_pred_list: list[Tensor],
        score_factor_list: list[None],
        mlvl_priors: list[Tensor],
        img_meta: dict,
        cfg: ConfigDict,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> InstanceData:
        """The best boxes of one image, in order, before any is left out.

        Args:
            cls_score_list (list[Tensor]): one map of logits, (A, H, W)
                float32.
            bbox_pred_list (list[Tensor]): one map of deltas, (4 * A, H, W)
                float32.
            score_factor_list (list): not used.
            mlvl_priors (list[Tensor]): one level of anchors, (H * W * A, 4)
                xyxy, pixels.
            img_meta (dict): with ``img_shape``; its padding is outside.
            cfg (ConfigDict): thresholds.
            rescale (bool): not supported: proposals stay in pixels of the
                input.
            with_nms (bool): not supported otherwise.

        Returns:
            InstanceData: ``bboxes`` (N, 4) xyxy, pixels, and ``logits`` (N,)
            float32.
        """
        logits = cls_score_list[0].permute(1, 2, 0).flatten()
        deltas = bbox_pred_list[0].permute(1, 2, 0).reshape(-1, 4)
        logits, best = logits.sort(descending=True, stable=True)
        best = best[: cfg.nms_pre]
        bboxes = self.bbox_coder.decode(
            mlvl_priors[0][best],
            deltas[best].to(mlvl_priors[0]),
            max_shape=img_meta['img_shape'],
        )
        return InstanceData(
            bboxes=bboxes, logits=logits[: cfg.nms_pre].float()
        )

    @staticmethod
    def _suppress(ranked: InstanceData, cfg: ConfigDict) -> InstanceData:
        """Proposals left of ranked boxes.

        Args:
            ranked (InstanceData): what ``_predict_by_feat_single`` returns.
            cfg (ConfigDict): thresholds.
        """
        bboxes, logits = ranked.bboxes, ranked.logits
        if len(bboxes):
            kept = best_apart(
                bboxes, logits, cfg.nms.iou_threshold, cfg.max_per_img
            )
            bboxes, logits = bboxes[kept], logits[kept]
        return InstanceData(
            bboxes=bboxes,
            scores=logits.sigmoid(),
            labels=torch.zeros_like(logits, dtype=torch.long),
        )


def best_apart(
    bboxes: Tensor, logits: Tensor, iou_threshold: float, number: int
) -> Tensor:
    """The first boxes that a non-maximum suppression keeps.

    A box is left out because of better ones alone, so that a suppression of
    the best boxes says of them what one of all boxes does. On a CPU, where
    every box is compared with every one kept, it is tried with few first.

    Args:
        bboxes (Tensor): (N, 4) xyxy, pixels, best first.
        logits (Tensor): (N,).
        iou_threshold (float): a box that overlaps a better one by more is
            left out.
        number (int): of boxes that are wanted, at most.

    Returns:
        Tensor: indices (n,) int64, best first.
    """
    tried = len(bboxes) if bboxes.is_cuda else FIRST_TRY * number
    while True:
        _, kept = nms(bboxes[:tried], logits[:tried], iou_threshold)
        if len(kept) >= number or tried >= len(bboxes):
            return kept[:number]
        tried *= 2
