"""Detect first, then refine and embed the detections (SeqNet)."""

import torch
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.models.losses.distributed import over_all_ranks
from mmdet_ps.utils.errors import UserError

from .person_search_roi_head import PersonSearchRoIHead


@MODELS.register_module()
class SequentialRoIHead(PersonSearchRoIHead):
    """Two stages: boxes of the first are the proposals of the second.

    Li and Miao, "Sequential End-to-end Network for Efficient Person Search"
    (AAAI 2021). Five losses are added up: class and box of the first stage
    (``loss_first_cls``, ``loss_first_bbox``), and class, box and identity of
    the second, with the weights of the config (10, 1, 1, 1, 1 as published,
    the first one for the first stage's boxes).

    A detection keeps the score of the first stage, or gets that of the
    second (``score_stage``, SeqNeXt). ``test_cfg.first`` has the
    first stage's thresholds; its ``train_cfg`` is the second's.

    Args:
        first_top (dict): layers on the RoI features in the first stage.
        first_head (dict): class and box of the first stage.
        score_stage (str): ``'first'`` or ``'second'``.
        **kwargs: the second stage, options of ``PersonSearchRoIHead``.

    Raises:
        UserError: another ``score_stage``.
    """

    def __init__(
        self,
        first_top: dict,
        first_head: dict,
        score_stage: str = 'first',
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if score_stage not in ('first', 'second'):
            raise UserError(
                f"score_stage is {score_stage!r}: choose 'first' or 'second'"
            )
        self.score_stage = score_stage
        self.first_top = MODELS.build(first_top)
        self.first_head = MODELS.build(first_head)

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of both stages; arguments as of the parent."""
        sampled = self.sample(rpn_results_list, batch_data_samples)
        rois = bbox2roi([result.priors for result in sampled])
        answers = self._first_forward(x, rois)
        first = self.first_head.loss_and_target(
            *answers.values(), rois, sampled, self.train_cfg
        )['loss_bbox']
        first = over_all_ranks(first, len(rois), rois.device)
        refined = refined_boxes(
            self.first_head,
            answers['bbox_pred'],
            rois,
            sampled,
            batch_data_samples,
        )
        losses = super().loss(x, refined, batch_data_samples)
        losses.update(
            loss_first_cls=first['loss_cls'],
            loss_first_bbox=first['loss_bbox'],
        )
        return losses

    def _first_forward(self, x: tuple[Tensor], rois: Tensor) -> dict:
        """The first stage's class logits (N, 2) and deltas (N, 4) of RoIs (N,
        5)."""
        roi_feats = self.top_features(self.first_top, x, rois)
        cls_score, bbox_pred = self.first_head(roi_feats)
        return dict(cls_score=cls_score, bbox_pred=bbox_pred)

    def predict_bbox(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        rpn_results_list: InstanceList,
        rcnn_test_cfg: ConfigDict,
        rescale: bool = False,
    ) -> InstanceList:
        """Detections of each image from its proposals; as of the parent."""
        rois = bbox2roi([result.bboxes for result in rpn_results_list])
        answers = self._first_forward(x, rois)
        first = self.detect(
            rois,
            answers,
            batch_img_metas,
            rcnn_test_cfg.first,
            self.first_head,
        )
        return self.second_stage(
            x, batch_img_metas, first, rcnn_test_cfg, rescale
        )

    def second_stage(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        first: InstanceList,
        cfg: ConfigDict,
        rescale: bool,
    ) -> InstanceList:
        """Refine and embed the detections of the first stage.

        Args:
            x (tuple[Tensor]): one feature map, (B, C, H, W) float.
            batch_img_metas (list[dict]): with ``img_shape`` and
                ``scale_factor``.
            first (list): detections of the first stage, of each image.
            cfg (ConfigDict): thresholds of :func:`select_detections`.
            rescale (bool): give boxes in pixels of the original image.
        """
        rois = bbox2roi([result.bboxes for result in first])
        answers = self._bbox_forward(x, rois)
        # In SeqNet the second score only trains the embedding.
        if self.score_stage == 'first':
            answers['scores'] = torch.cat([result.scores for result in first])
        results = self.detect(
            rois, answers, batch_img_metas, cfg, self.bbox_head
        )
        return self.finish(x, results, batch_img_metas, rescale)


def refined_boxes(
    head: BBoxHead,
    deltas: Tensor,
    rois: Tensor,
    sampled: list[SamplingResult],
    batch_data_samples: SampleList,
) -> InstanceList:
    """Boxes of one stage as the proposals of the next, for each image.

    Args:
        head (BBoxHead): the head that answered.
        deltas (Tensor): its answer for the RoIs, (N, 4) float.
        rois (Tensor): (N, 5), pixels of the network's input.
        sampled (list): the assignment that they come from, of each image.
        batch_data_samples (list): samples with ``img_shape``.
    """
    # A stage takes its proposals as given: its losses do not train the boxes
    # of the one before.
    deltas = deltas.detach().to(rois)
    counts = [len(result.priors) for result in sampled]
    return [
        InstanceData(
            bboxes=head.bbox_coder.decode(
                boxes, part, max_shape=data_sample.img_shape
            )
        )
        for boxes, part, data_sample in zip(
            rois[:, 1:].split(counts),
            deltas.split(counts),
            batch_data_samples,
        )
    ]
