"""Region proposals ranked by logit."""

import torch
from mmcv.ops import nms
from mmdet.models.dense_heads import RPNHead
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor


@MODELS.register_module()
class LogitRankedRPNHead(RPNHead):
    """mmdet's RPN on one level, with proposals ranked by logit.

    mmdet ranks by the sigmoid, which is exactly 1 for many anchors of a
    confident network: their order, and so the NMS, would be arbitrary.

    ``cfg`` of a prediction: ``nms_pre``, ``nms.iou_threshold``,
    ``max_per_img`` and ``min_bbox_size`` (a side shorter than this many
    pixels drops the box; 0 keeps even empty boxes).
    """

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, A, H, W) and deltas (B, 4 * A, H, W) of a map.

        In single precision, which the anchors take over: half a number
        cannot tell pixels apart.
        """
        logits, deltas = super().forward_single(x)
        return logits.float(), deltas.float()

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
        """Proposals of one image, best first.

        Args:
            cls_score_list: one map of logits (A, H, W).
            bbox_pred_list: one map of deltas (4 * A, H, W).
            score_factor_list: unused.
            mlvl_priors: anchors (H * W * A, 4).
            img_meta: with ``img_shape``; its padding is outside.
            cfg: thresholds, by default the head's ``test_cfg``.
            rescale: not supported: proposals stay in network pixels.
            with_nms: not supported otherwise.

        Returns:
            ``bboxes`` (P, 4), ``scores`` (P,) after the sigmoid, ``labels``.
        """
        cfg = cfg or self.test_cfg
        logits = cls_score_list[0].permute(1, 2, 0).flatten()
        deltas = bbox_pred_list[0].permute(1, 2, 0).reshape(-1, 4)
        logits, best = logits.sort(descending=True, stable=True)
        best = best[: cfg.nms_pre]
        bboxes = self.bbox_coder.decode(
            mlvl_priors[0][best],
            deltas[best].to(mlvl_priors[0]),
            max_shape=img_meta['img_shape'],
        )
        return self._suppress(bboxes, logits[: cfg.nms_pre].float(), cfg)

    @staticmethod
    def _suppress(
        bboxes: Tensor, logits: Tensor, cfg: ConfigDict
    ) -> InstanceData:
        """Proposals left of ranked boxes (N, 4) with logits (N,)."""
        sides = bboxes[:, 2:] - bboxes[:, :2]
        keep = (sides >= cfg.get('min_bbox_size', 0)).all(dim=1)
        bboxes, logits = bboxes[keep], logits[keep]
        if len(bboxes):
            _, kept = nms(bboxes, logits, cfg.nms.iou_threshold)
            kept = kept[: cfg.max_per_img]
            bboxes, logits = bboxes[kept], logits[kept]
        return InstanceData(
            bboxes=bboxes,
            scores=logits.sigmoid(),
            labels=torch.zeros_like(logits, dtype=torch.long),
        )
