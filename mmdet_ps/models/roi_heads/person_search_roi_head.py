"""RoI head that finds persons and embeds them from shared features."""

import torch
import torch.nn.functional as F
from mmcv.ops import nms
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.task_modules.assigners import BaseAssigner
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.models.losses.distributed import over_all_ranks
from mmdet_ps.models.losses.identity_loss import NO_BOX, REID_KEYS, PersonRows
from mmdet_ps.structures.fields import IGNORED

from .region_features import RegionFeatures


@MODELS.register_module()
class PersonSearchRoIHead(RegionFeatures, StandardRoIHead):
    """Boxes, scores and embeddings of the same RoIs (OIM, NAE).

    ``test_cfg`` has the thresholds of :func:`select_detections`.

    Args:
        loss_reid (dict, optional): the identity loss.
        **kwargs: options of mmdet's ``StandardRoIHead``.
    """

    # Which of its losses and accuracies are of re-identification.
    reid_keys = REID_KEYS

    def __init__(self, loss_reid: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        if loss_reid is not None:
            self.loss_reid = MODELS.build(loss_reid)
        # RoIs (N, 5) and person ids (N,) of the last step, for pictures.
        self.sampled_rois: tuple[Tensor, Tensor] | None = None

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of one step.

        Args:
            x (tuple[Tensor]): one feature map, (B, C, H, W) float.
            rpn_results_list (list): proposals of each of B images, with
                ``bboxes`` (n, 4) xyxy, pixels of the network's input.
            batch_data_samples (list): B samples with ``gt_instances``:
                ``bboxes`` (m, 4), the same pixels, and ``person_ids`` (m,)
                int64.
        """
        return self.loss_and_rows(x, rpn_results_list, batch_data_samples)[0]

    def loss_and_rows(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> tuple[dict[str, Tensor], PersonRows]:
        """Losses, and one row per sampled RoI; arguments as of ``loss``."""
        sampled = self.sample(rpn_results_list, batch_data_samples)
        rois = bbox2roi([result.priors for result in sampled])
        person_ids, box_indices = self.persons_of_rois(
            sampled, batch_data_samples
        )
        self.sampled_rois = rois.detach(), person_ids
        answers = self._bbox_forward(x, rois)
        losses = self.bbox_losses(answers, rois, sampled)
        rows = PersonRows(
            answers['embeddings'], person_ids, rois[:, 0].long(), box_indices
        )
        losses['loss_reid'] = self.loss_reid(*rows)
        losses.update(reid_accuracy([self.loss_reid]))
        return losses, rows

    def bbox_losses(
        self, answers: dict, rois: Tensor, sampled: list[SamplingResult]
    ) -> dict[str, Tensor]:
        """Class and box loss of RoIs.

        Args:
            answers (dict): what ``_bbox_forward`` said of them.
            rois (Tensor): (N, 5): index of the image and xyxy, pixels of the
                network's input.
            sampled (list): the assignment that they come from, of each image.
        """
        losses = self.bbox_head.loss_and_target(
            answers['cls_score'],
            answers['bbox_pred'],
            rois,
            sampled,
            self.train_cfg,
        )['loss_bbox']
        return over_all_ranks(losses, len(rois), rois.device)

    def sample(
        self,
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        assigner: BaseAssigner | None = None,
    ) -> list[SamplingResult]:
        """The RoIs of each image on which detection is trained.

        Args:
            rpn_results_list (list): proposals of each image, as of ``loss``.
            batch_data_samples (list): their samples.
            assigner (BaseAssigner, optional): says which proposal is which
                person; by default the one of ``train_cfg``.
        """
        assigner = assigner or self.bbox_assigner
        persons, ignored, _ = unpack_gt_instances(batch_data_samples)
        results = []
        for proposals, gt, ignore in zip(rpn_results_list, persons, ignored):
            candidates = InstanceData(priors=proposals.bboxes)
            assigned = assigner.assign(candidates, gt, ignore)
            results.append(self.bbox_sampler.sample(assigned, candidates, gt))
        return results

    @staticmethod
    def persons_of_rois(
        sampled: list[SamplingResult], batch_data_samples: SampleList
    ) -> tuple[Tensor, Tensor]:
        """Which persons the sampled RoIs stand for.

        Args:
            sampled (list): the assignment of each image, positives first.
            batch_data_samples (list): samples with
                ``gt_instances.person_ids``.

        Returns:
            tuple[Tensor, Tensor]: person ids (N,) int64, IGNORED for
            background, and the index (N,) int64 of the annotated box in its
            image, NO_BOX for background.
        """
        ids, boxes = [], []
        for result, data_sample in zip(sampled, batch_data_samples):
            person_ids = data_sample.gt_instances.person_ids
            background = (len(result.neg_priors),)
            ids.append(person_ids[result.pos_assigned_gt_inds])
            ids.append(person_ids.new_full(background, IGNORED))
            boxes.append(result.pos_assigned_gt_inds)
            boxes.append(person_ids.new_full(background, NO_BOX))
        return torch.cat(ids), torch.cat(boxes)

    def _bbox_forward(self, x: tuple[Tensor], rois: Tensor) -> dict:
        """Class logits (N, K), deltas (N, 4), embeddings (N, D) of RoIs (N,
        5)."""
        # Unless it says otherwise, a head reads the features before the top.
        if getattr(self.bbox_head, 'with_c4', True):
            roi_feats = self.roi_features(x, rois)
            top_feats = self.shared_head(roi_feats)
        else:
            roi_feats = None
            top_feats = self.top_features(self.shared_head, x, rois)
        cls_score, bbox_pred, embeddings = self.bbox_head(top_feats, roi_feats)
        return dict(
            cls_score=cls_score, bbox_pred=bbox_pred, embeddings=embeddings
        )

    @property
    def embedding_dims(self) -> dict[str, int]:
        """Length of each embedding that is trained."""
        return dict(roi=self.bbox_head.embed_dims)

    def annotated_embeddings(
        self, x: tuple[Tensor], batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Embeddings of the annotated boxes, to be trained; see the method
        of ``PersonSearchRCNN``."""
        rois = bbox2roi([s.gt_instances.bboxes for s in batch_data_samples])
        return self.trained_embeddings(self.roi_features(x, rois))

    def trained_embeddings(self, roi_feats: Tensor) -> dict[str, Tensor]:
        """Embeddings (N, D) of RoI features (N, C, h, w), by name."""
        pooled = self.shared_head(roi_feats).amax(dim=(2, 3))
        return dict(roi=self.bbox_head.embed_pooled(pooled, roi_feats))

    def embed_rois(self, x: tuple[Tensor], rois: Tensor) -> Tensor:
        """Unit embeddings (N, D) float32 of RoIs (N, 5)."""
        return F.normalize(self._bbox_forward(x, rois)['embeddings'].float())

    def embed_boxes(
        self,
        x: tuple[Tensor],
        batch_data_samples: SampleList,
        bboxes: list[Tensor],
    ) -> list[Tensor]:
        """Unit embeddings of given boxes.

        Args:
            x (tuple[Tensor]): one feature map, (B, C, H, W) float.
            batch_data_samples (list): B samples with ``scale_factor``.
            bboxes (list[Tensor]): boxes of each image, (n, 4) xyxy, pixels of
                the original image.

        Returns:
            list[Tensor]: (n, D) float32 per image.
        """
        # Not in the type of the maps: half precision cannot tell pixels apart.
        bboxes = [boxes.to(x[0].device).float() for boxes in bboxes]
        scaled = [
            boxes * boxes_scale(boxes, data_sample.metainfo)
            for boxes, data_sample in zip(bboxes, batch_data_samples)
        ]
        embeddings = self.embed_rois(x, bbox2roi(scaled))
        return list(embeddings.split([len(boxes) for boxes in bboxes]))

    def describe_scenes(
        self, x: tuple[Tensor], batch_data_samples: SampleList
    ) -> None:
        """Say in the samples what the pictures show as a whole, if anything.

        Args:
            x (tuple[Tensor]): one feature map, (B, C, H, W) float.
            batch_data_samples (list): B samples.
        """

    def predict_bbox(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        rpn_results_list: InstanceList,
        rcnn_test_cfg: ConfigDict,
        rescale: bool = False,
    ) -> InstanceList:
        """Detections of each image from its proposals.

        Args:
            x (tuple[Tensor]): one feature map, (B, C, H, W) float.
            batch_img_metas (list[dict]): with ``img_shape`` and
                ``scale_factor``.
            rpn_results_list (list): proposals of each image, as of ``loss``.
            rcnn_test_cfg (ConfigDict): thresholds of
                :func:`select_detections`.
            rescale (bool): give boxes in pixels of the original image.
        """
        rois = bbox2roi([result.bboxes for result in rpn_results_list])
        answers = self._bbox_forward(x, rois)
        results = self.detect(
            rois, answers, batch_img_metas, rcnn_test_cfg, self.bbox_head
        )
        return self.finish(x, results, batch_img_metas, rescale)

    def detect(
        self,
        rois: Tensor,
        answers: dict,
        batch_img_metas: list[dict],
        cfg: ConfigDict,
        head: BBoxHead,
    ) -> InstanceList:
        """Detections of each image, in pixels of the network's input.

        Args:
            rois (Tensor): the regions that were looked at, (N, 5).
            answers (dict): what a head said of them: ``cls_score`` (N, K),
                ``bbox_pred`` (N, 4), possibly ``embeddings`` (N, D), and
                ``scores`` (N,) where another head's are to count.
            batch_img_metas (list[dict]): with ``img_shape``.
            cfg (ConfigDict): thresholds of :func:`select_detections`.
            head (BBoxHead): the head that answered.
        """
        results = []
        for image, meta in enumerate(batch_img_metas):
            rows = rois[:, 0] == image
            own = {name: value[rows] for name, value in answers.items()}
            results.append(self.detections(rois[rows], own, meta, cfg, head))
        return results

    @staticmethod
    def detections(
        rois: Tensor,
        answers: dict,
        img_meta: dict,
        cfg: ConfigDict,
        head: BBoxHead,
    ) -> InstanceData:
        """Detections of one image; arguments as of ``detect``.

        Returns:
            InstanceData: ``bboxes`` (n, 4), ``scores`` (n,), ``labels`` (n,),
            the ``rois`` (n, 5) they come from and, where the answers hold
            them, unit ``embeddings`` (n, D).
        """
        scores = answers.get('scores')
        if scores is None:
            scores = head.person_scores(answers['cls_score'].float())
        bboxes = head.bbox_coder.decode(
            rois[:, 1:],
            answers['bbox_pred'].to(rois),
            max_shape=img_meta['img_shape'],
        )
        # Suppressed boxes leave first: only what is answered is normalised.
        kept = select_detections(bboxes, scores, cfg)
        result = InstanceData(
            bboxes=bboxes[kept],
            scores=scores[kept],
            labels=torch.zeros_like(kept),
            rois=rois[kept],
        )
        if 'embeddings' in answers:
            result.embeddings = F.normalize(
                answers['embeddings'][kept].float()
            )
        return result

    def finish(
        self,
        x: tuple[Tensor],
        results: InstanceList,
        batch_img_metas: list[dict],
        rescale: bool,
    ) -> InstanceList:
        """Bring detections into the form that they are answered in.

        It is the place of heads that embed what they found afterwards (BSL).
        Here only the boxes are scaled, if asked for, and the RoIs forgotten.

        Args:
            x (tuple[Tensor]): one feature map, (B, C, H, W) float.
            results (list): detections of each image, with their ``rois``.
            batch_img_metas (list[dict]): with ``scale_factor``.
            rescale (bool): give boxes in pixels of the original image.
        """
        for result, meta in zip(results, batch_img_metas):
            del result.rois
            if rescale:
                result.bboxes = result.bboxes / boxes_scale(
                    result.bboxes, meta
                )
        return results


def boxes_scale(like: Tensor, img_meta: dict) -> Tensor:
    """Factors (4,) from pixels of the original image to the input's."""
    return like.new_tensor(img_meta.get('scale_factor', (1.0, 1.0))).repeat(2)


def select_detections(
    bboxes: Tensor, scores: Tensor, cfg: ConfigDict
) -> Tensor:
    """Indices of the detections among scored boxes, best first.

    Args:
        bboxes (Tensor): decoded and clipped boxes, (N, 4) xyxy float32,
            pixels.
        scores (Tensor): probability of a person, (N,) float32.
        cfg (ConfigDict): ``score_thr`` (exclusive), ``min_bbox_size`` (pixels;
            0 keeps empty boxes), ``nms.iou_threshold``, ``max_per_img``.

    Returns:
        Tensor: indices (n,) int64 into the boxes.
    """
    sides = bboxes[:, 2:] - bboxes[:, :2]
    usable = scores > cfg.score_thr
    usable &= (sides >= cfg.get('min_bbox_size', 0)).all(dim=1)
    candidates = usable.nonzero().squeeze(1)
    if len(candidates) == 0:
        return candidates
    _, kept = nms(
        bboxes[candidates].float(),
        scores[candidates].float(),
        cfg.nms.iou_threshold,
    )
    return candidates[kept[: cfg.max_per_img]]


def reid_accuracy(losses: list) -> dict[str, Tensor]:
    """How many identities came out right in the last step.

    Args:
        losses (list): identity losses, each with its ``accuracy``.

    Returns:
        dict: ``acc_reid``, in percent of the labelled rows; empty if there
        were none.
    """
    values = [
        loss.accuracy
        for loss in losses
        if getattr(loss, 'accuracy', None) is not None
    ]
    return dict(acc_reid=torch.stack(values).mean()) if values else {}
