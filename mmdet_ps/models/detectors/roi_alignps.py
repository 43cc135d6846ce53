"""ROI-AlignPS: AlignPS and a two-stage branch, embeddings joined."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.structures import InstanceData
from torch import Tensor

from .alignps import AlignPS, FeatureMaps
from .search_answers import Fields, set_fields
from .usable_boxes import with_usable_boxes


@MODELS.register_module()
class ROIAlignPS(AlignPS):
    """AlignPS finds the persons, a RoI head embeds them a second time.

    Yan et al., "Efficient Person Search: An Anchor-Free Approach" (arXiv
    2109.00211). It is trained as two detectors on one backbone: the RoI branch
    has region proposals and box losses of its own, which testing does without.
    The joined ``embeddings`` are of unit length; their halves are also given
    apart, as ``dense_embeddings`` and ``roi_embeddings``.

    Args:
        rpn_head (dict): proposals for training the RoI head.
        roi_head (dict): a ``PersonSearchRoIHead``.
        train_cfg (dict): ``rpn``, ``rpn_proposal`` and ``rcnn``.
        loss_mutual_information (dict, optional): term that ties the embeddings
            of the branches to each other.
        roi_stage (int): stage of the backbone that both heads look at.
        **kwargs: of :class:`AlignPS`.
    """

    def __init__(
        self,
        *,
        rpn_head: dict,
        roi_head: dict,
        train_cfg: dict,
        loss_mutual_information: dict | None = None,
        roi_stage: int = 2,
        **kwargs,
    ) -> None:
        super().__init__(train_cfg=train_cfg, **kwargs)
        self.rpn_head = MODELS.build(
            dict(
                rpn_head,
                train_cfg=train_cfg['rpn'],
                test_cfg=train_cfg['rpn_proposal'],
            )
        )
        self.roi_head = MODELS.build(
            dict(roi_head, train_cfg=train_cfg['rcnn'], test_cfg=dict())
        )
        self.mutual_information = (
            MODELS.build(loss_mutual_information)
            if loss_mutual_information
            else None
        )
        self.roi_stage = roi_stage

    @property
    def reid_keys(self) -> tuple[str, ...]:
        """Which of its losses and accuracies are of re-identification."""
        return (
            *super().reid_keys,
            *[f'roi_{key}' for key in self.roi_head.reid_keys],
            'loss_reid_mutual_information',
        )

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of (B, 3, H, W) images; those of the RoI head and its
        proposals have ``roi_`` and ``rpn`` in their names."""
        batch_data_samples = with_usable_boxes(batch_data_samples)
        maps = self.extract_maps(batch_inputs)
        # RoIs are cut out of the backbone's third stage, not of the neck's
        # maps; the RoI head has a fourth stage of its own.
        stage = (maps.stages[self.roi_stage],)
        losses, dense = self.bbox_head.loss_and_rows(
            maps.pyramid, batch_data_samples
        )
        rpn_losses, proposals = self.rpn_head.loss_and_predict(
            stage, batch_data_samples
        )
        roi_losses, roi = self.roi_head.loss_and_rows(
            stage, proposals, batch_data_samples
        )
        losses.update(rpn_losses)
        # Both heads name their losses alike.
        losses.update({f'roi_{k}': v for k, v in roi_losses.items()})
        if self.mutual_information is not None:
            losses['loss_reid_mutual_information'] = self.mutual_information(
                (roi.embeddings, roi.person_ids),
                (dense.embeddings, dense.person_ids),
            )
        return losses

    @property
    def embedding_dims(self) -> dict[str, int]:
        """See :attr:`AlignPS.embedding_dims`; both branches have one."""
        return {**super().embedding_dims, **self.roi_head.embedding_dims}

    def annotated_embeddings(
        self,
        maps: dict[str, Sequence[Tensor]],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """See :meth:`AlignPS.annotated_embeddings`; the RoI branch embeds
        the boxes themselves."""
        stage = (maps['backbone'][self.roi_stage],)
        return {
            **super().annotated_embeddings(maps, batch_data_samples),
            **self.roi_head.annotated_embeddings(stage, batch_data_samples),
        }

    def complete(
        self,
        maps: FeatureMaps,
        batch_data_samples: SampleList,
        located: list[InstanceData],
    ) -> list[InstanceData]:
        """Add the RoI embeddings to what the dense head found."""
        fields = self._join(
            maps,
            batch_data_samples,
            [found.bboxes for found in located],
            [found.embeddings for found in located],
        )
        results = [found.clone() for found in located]
        set_fields(results, fields)
        return results

    def embed(
        self,
        maps: FeatureMaps,
        batch_data_samples: SampleList,
        located: list[InstanceData],
        bboxes: list[Tensor],
    ) -> Fields:
        """See :meth:`AlignPS.embed`; the RoI half is that of the box."""
        dense = super().embed(maps, batch_data_samples, located, bboxes)
        return self._join(
            maps, batch_data_samples, bboxes, dense['embeddings']
        )

    def _join(
        self,
        maps: FeatureMaps,
        batch_data_samples: SampleList,
        bboxes: list[Tensor],
        dense: list[Tensor],
    ) -> Fields:
        """All embeddings of boxes.

        Args:
            maps (FeatureMaps): of the B images.
            batch_data_samples (list): their samples.
            bboxes (list[Tensor]): boxes of each image, (n, 4) xyxy, pixels of
                the original image.
            dense (list[Tensor]): their dense embeddings, (n, D) float32.
        """
        stage = (maps.stages[self.roi_stage],)
        roi = self.roi_head.embed_boxes(stage, batch_data_samples, bboxes)
        return dict(
            embeddings=[
                F.normalize(torch.cat(halves, dim=1))
                for halves in zip(dense, roi)
            ],
            dense_embeddings=dense,
            roi_embeddings=roi,
        )
