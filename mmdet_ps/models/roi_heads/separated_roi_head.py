"""Detection and re-ID in parallel on the same RoIs (BSL)."""

import torch
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from torch import Tensor

from .person_search_roi_head import PersonSearchRoIHead, reid_accuracy


@MODELS.register_module()
class SeparatedRoIHead(PersonSearchRoIHead):
    """A light detection head and a re-ID head that share RoI features only.

    The re-ID head trains on RoIs of its own (``train_cfg.reid_sampler``). In
    testing it embeds the proposal behind a detection as it is, not its refined
    box: that is what it was trained on.

    Args:
        reid_head (dict): see ``SeparatedReIDHead``.
        loss_reid (dict): its identity loss; the levels set ``embed_dims``.
        **kwargs: options of ``PersonSearchRoIHead``.
    """

    def __init__(self, reid_head: dict, loss_reid: dict, **kwargs) -> None:
        super().__init__(**kwargs)
        self.reid_head = MODELS.build(dict(reid_head, loss_reid=loss_reid))
        if self.train_cfg is not None:
            self.reid_sampler = TASK_UTILS.build(self.train_cfg.reid_sampler)

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of one step; arguments as of the parent."""
        sampled = self.sample(rpn_results_list, batch_data_samples)
        rois = bbox2roi([result.priors for result in sampled])
        self.sampled_rois = (
            rois.detach(),
            self.persons_of_rois(sampled, batch_data_samples)[0],
        )
        losses = self.bbox_losses(self._bbox_forward(x, rois), rois, sampled)
        rois, person_ids, box_indices = self.sample_reid(
            rpn_results_list, batch_data_samples
        )
        losses['loss_reid'] = self.reid_head.loss(
            self.roi_features(x, rois),
            person_ids,
            rois[: len(person_ids), 0].long(),
            box_indices,
        )
        losses.update(reid_accuracy(self.reid_head.losses.values()))
        return losses

    def sample_reid(
        self, rpn_results_list: InstanceList, batch_data_samples: SampleList
    ) -> tuple[Tensor, Tensor, Tensor]:
        """RoIs of the re-ID head.

        Without any person there is one of nobody, the first image as a
        whole, so that every parameter keeps its place in the graph.

        Args:
            rpn_results_list (list): proposals of each of B images.
            batch_data_samples (list): their samples.

        Returns:
            tuple: RoIs (R, 5) float32, their person ids (R,) int64 and the
            annotated boxes (R,) int64 they stand for.
        """
        persons, _, _ = unpack_gt_instances(batch_data_samples)
        picked = self.reid_sampler.sample_images(
            [
                (proposals.bboxes, gt.bboxes, gt.person_ids)
                for proposals, gt in zip(rpn_results_list, persons)
            ]
        )
        bboxes, persons_of_boxes = zip(*picked)
        rois = bbox2roi(bboxes)
        box_indices = torch.cat(persons_of_boxes)
        person_ids = torch.cat(
            [gt.person_ids[i] for gt, i in zip(persons, persons_of_boxes)]
        )
        if len(rois) == 0:
            height, width = batch_data_samples[0].img_shape[:2]
            rois = rois.new_tensor([[0, 0, 0, width, height]])
        return rois, person_ids, box_indices

    def _bbox_forward(self, x: tuple[Tensor], rois: Tensor) -> dict:
        """Class logits (N, 2) and deltas (N, 4) of RoIs (N, 5)."""
        cls_score, bbox_pred = self.bbox_head(self.roi_features(x, rois))
        return dict(cls_score=cls_score, bbox_pred=bbox_pred)

    @property
    def embedding_dims(self) -> dict[str, int]:
        """Length of each embedding that is trained."""
        return {
            f'roi_{level}': norm.num_features
            for level, norm in self.reid_head.norms.items()
        }

    def trained_embeddings(self, roi_feats: Tensor) -> dict[str, Tensor]:
        """Embeddings (N, D) of RoI features (N, C, h, w), by name."""
        return dict(zip(self.embedding_dims, self.reid_head(roi_feats)))

    def embed_rois(self, x: tuple[Tensor], rois: Tensor) -> Tensor:
        """Unit embeddings (N, D) of RoIs (N, 5)."""
        return self.reid_head.embed(self.roi_features(x, rois))

    def finish(
        self,
        x: tuple[Tensor],
        results: InstanceList,
        batch_img_metas: list[dict],
        rescale: bool,
    ) -> InstanceList:
        """Embed the proposals behind the detections, then as the parent."""
        # Only what is left after the NMS is embedded; the RoI and not the
        # refined box, which is what the re-ID head was trained on.
        rois = [result.rois for result in results]
        embeddings = self.embed_rois(x, torch.cat(rois))
        for result, rows in zip(
            results, embeddings.split([len(part) for part in rois])
        ):
            result.embeddings = rows
        return super().finish(x, results, batch_img_metas, rescale)
