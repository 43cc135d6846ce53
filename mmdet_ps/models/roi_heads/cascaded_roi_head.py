"""Detect and embed in several stages, each stricter than the last (COAT)."""

import torch
import torch.nn.functional as F
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.models.losses.distributed import over_all_ranks
from mmdet_ps.models.losses.identity_loss import PersonRows

from .bbox_heads import EmbeddingBBoxHead
from .person_search_roi_head import PersonSearchRoIHead, reid_accuracy
from .sequential_roi_head import refined_boxes


class CascadeStage(BaseModule):
    """Layers on the RoI features, the head behind them, its identity loss.

    Args:
        top (dict): layers that give the features of the head and those that
            went past the attention, as ``OccludedTransformer`` does.
        head (dict): ``PooledBBoxHead``, or an ``EmbeddingBBoxHead``.
        loss_reid (dict): identity loss of a head that embeds.
    """

    def __init__(self, top: dict, head: dict, loss_reid: dict) -> None:
        super().__init__()
        self.top = MODELS.build(top)
        self.head = MODELS.build(head)
        self.embeds = isinstance(self.head, EmbeddingBBoxHead)
        if self.embeds:
            self.loss_reid = MODELS.build(
                dict(loss_reid, embed_dims=self.head.embed_dims)
            )

    def forward(self, roi_feats: Tensor) -> dict[str, Tensor]:
        """What the head says of RoI features (N, C, h, w): ``cls_score``
        (N, K), ``bbox_pred`` (N, 4), and ``embeddings`` (N, D) of a head that
        embeds."""
        top_feats, passed = self.top(roi_feats)
        if not self.embeds:
            cls_score, bbox_pred = self.head(top_feats)
            return dict(cls_score=cls_score, bbox_pred=bbox_pred)
        cls_score, bbox_pred, embeddings = self.head(top_feats, passed)
        return dict(
            cls_score=cls_score, bbox_pred=bbox_pred, embeddings=embeddings
        )

    def embed(self, roi_feats: Tensor) -> Tensor:
        """Embeddings (N, D) of RoI features (N, C, h, w), of any length."""
        top_feats, passed = self.top(roi_feats)
        return self.head.embed_pooled(top_feats.amax(dim=(2, 3)), passed)


@MODELS.register_module()
class CascadedRoIHead(PersonSearchRoIHead):
    """Stages in a row: boxes of each are the proposals of the next.

    Yu et al., "Cascade Transformers for End-to-End Person Search" (CVPR
    2022). The first stage detects; the others refine the boxes and embed, on
    RoIs that must overlap a person more and more to count as one
    (``train_cfg.overlaps``, one per stage; 0.5, 0.6 and 0.7 as published).
    The unit embeddings of the stages, at the RoIs of the last one, make up
    the embedding of a detection. Its score is that of the first stage.

    The losses of the last stage are ``loss_cls``, ``loss_bbox`` and
    ``loss_reid``, those of another one ``loss_first_cls`` and so on.
    ``test_cfg`` has the thresholds of the last stage, and those of another
    one below its name.

    Args:
        stages (dict): ``top`` and ``head`` of each stage, by its name, in
            order; see :class:`CascadeStage`.
        loss_reid (dict): identity loss; each stage that embeds has one of
            its own.
        **kwargs: options of ``PersonSearchRoIHead``.
    """

    with_bbox = True

    def __init__(self, stages: dict, loss_reid: dict, **kwargs) -> None:
        super().__init__(bbox_head=dict(stages, loss_reid=loss_reid), **kwargs)

    def init_bbox_head(
        self, bbox_roi_extractor: dict, bbox_head: dict
    ) -> None:
        """Build the extractor and the stages."""
        stages = dict(bbox_head)
        loss_reid = stages.pop('loss_reid')
        self.bbox_roi_extractor = MODELS.build(bbox_roi_extractor)
        self.stages = nn.ModuleDict(
            {
                name: CascadeStage(**stage, loss_reid=loss_reid)
                for name, stage in stages.items()
            }
        )
        *self.earlier, self.last = self.stages
        self.embedding = [n for n, s in self.stages.items() if s.embeds]

    def init_assigner_sampler(self) -> None:
        """Build one assigner per stage, and the sampler."""
        self.assigners = {}
        if self.train_cfg:
            super().init_assigner_sampler()
            for name, overlap in zip(
                self.stages, self.train_cfg.overlaps, strict=True
            ):
                self.assigners[name] = TASK_UTILS.build(
                    dict(
                        self.train_cfg.assigner,
                        pos_iou_thr=overlap,
                        neg_iou_thr=overlap,
                        min_pos_iou=overlap,
                    )
                )

    @property
    def reid_keys(self) -> tuple[str, ...]:
        """Which of its losses and accuracies are of re-identification."""
        losses = [self._key(name, 'reid') for name in self.embedding]
        return (*losses, 'acc_reid')

    def _key(self, name: str, kind: str) -> str:
        """What a loss of a stage is called."""
        return f'loss_{kind}' if name == self.last else f'loss_{name}_{kind}'

    def loss_and_rows(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> tuple[dict[str, Tensor], PersonRows]:
        """Losses, and one row per RoI of the last stage; see the parent."""
        losses = {}
        for name, stage in self.stages.items():
            sampled = self.sample(
                rpn_results_list, batch_data_samples, self.assigners[name]
            )
            rois = bbox2roi([result.priors for result in sampled])
            answers = stage(self.roi_features(x, rois))
            found, rows = self._stage_losses(
                stage, answers, rois, sampled, batch_data_samples
            )
            losses.update(
                {self._key(name, kind): loss for kind, loss in found.items()}
            )
            rpn_results_list = refined_boxes(
                stage.head,
                answers['bbox_pred'],
                rois,
                sampled,
                batch_data_samples,
            )
        self.sampled_rois = rois.detach(), rows.person_ids
        losses.update(
            reid_accuracy([self.stages[n].loss_reid for n in self.embedding])
        )
        return losses, rows

    def _stage_losses(
        self,
        stage: CascadeStage,
        answers: dict[str, Tensor],
        rois: Tensor,
        sampled: list[SamplingResult],
        batch_data_samples: SampleList,
    ) -> tuple[dict[str, Tensor], PersonRows | None]:
        """Losses of one stage by their kind, and its rows if it embeds.

        Args:
            stage (CascadeStage): the stage.
            answers (dict): what it said of the RoIs.
            rois (Tensor): (N, 5), pixels of the network's input.
            sampled (list): the assignment that they come from, of each image.
            batch_data_samples (list): the samples.
        """
        found = stage.head.loss_and_target(
            answers['cls_score'],
            answers['bbox_pred'],
            rois,
            sampled,
            self.train_cfg,
        )['loss_bbox']
        found = over_all_ranks(found, len(rois), rois.device)
        losses = dict(cls=found['loss_cls'], bbox=found['loss_bbox'])
        if not stage.embeds:
            return losses, None
        person_ids, box_indices = self.persons_of_rois(
            sampled, batch_data_samples
        )
        rows = PersonRows(
            answers['embeddings'], person_ids, rois[:, 0].long(), box_indices
        )
        losses['reid'] = stage.loss_reid(*rows)
        return losses, rows

    def _bbox_forward(self, x: tuple[Tensor], rois: Tensor) -> dict:
        """What the last stage says of RoIs (N, 5), with the joined unit
        embeddings (N, sum of D) of all stages."""
        roi_feats = self.roi_features(x, rois)
        answers = self.stages[self.last](roi_feats)
        parts = [
            self.stages[name].embed(roi_feats)
            for name in self.embedding
            if name != self.last
        ]
        parts.append(answers['embeddings'])
        units = [F.normalize(part.float()) for part in parts]
        return dict(answers, embeddings=torch.cat(units, dim=1))

    @property
    def embedding_dims(self) -> dict[str, int]:
        """Length of each embedding that is trained."""
        return {
            f'roi_{name}': self.stages[name].head.embed_dims
            for name in self.embedding
        }

    def trained_embeddings(self, roi_feats: Tensor) -> dict[str, Tensor]:
        """Embeddings (N, D) of RoI features (N, C, h, w), by name."""
        return {
            f'roi_{name}': self.stages[name].embed(roi_feats)
            for name in self.embedding
        }

    def predict_bbox(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        rpn_results_list: InstanceList,
        rcnn_test_cfg: ConfigDict,
        rescale: bool = False,
    ) -> InstanceList:
        """Detections of each image from its proposals; as of the parent."""
        found, scores = rpn_results_list, None
        for name in self.earlier:
            stage = self.stages[name]
            rois = bbox2roi([result.bboxes for result in found])
            answers = stage(self.roi_features(x, rois))
            answers.pop('embeddings', None)
            found = self._detect(
                stage, rois, answers, scores, batch_img_metas,
                rcnn_test_cfg[name],
            )  # fmt: skip
            scores = torch.cat([result.scores for result in found])
        rois = bbox2roi([result.bboxes for result in found])
        found = self._detect(
            self.stages[self.last], rois, self._bbox_forward(x, rois), scores,
            batch_img_metas, rcnn_test_cfg,
        )  # fmt: skip
        return self.finish(x, found, batch_img_metas, rescale)

    def _detect(
        self,
        stage: CascadeStage,
        rois: Tensor,
        answers: dict,
        scores: Tensor | None,
        batch_img_metas: list[dict],
        cfg: ConfigDict,
    ) -> InstanceList:
        """Detections of a stage, at the scores (N,) of the first one; other
        arguments as of ``detect``."""
        if scores is not None:
            answers = dict(answers, scores=scores)
        return self.detect(rois, answers, batch_img_metas, cfg, stage.head)
