"""AlignPS: anchor-free person search on one feature map."""

from collections.abc import Sequence
from typing import NamedTuple

from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData
from torch import Tensor

from ..layers import channels_innermost
from .search_answers import Fields, answer, check_options, to_input_pixels
from .usable_boxes import check_on_the_host, with_usable_boxes


class FeatureMaps(NamedTuple):
    """What the heads look at."""

    stages: tuple[Tensor, ...]  # of the backbone, (B, C_l, H_l, W_l)
    pyramid: tuple[Tensor, ...]  # of the neck, (B, C, H_l, W_l)


@MODELS.register_module()
class AlignPS(SingleStageDetector):
    """One-stage detector whose predictions carry unit ``embeddings``.

    Yan et al., "Anchor-Free Person Search" (CVPR 2021): FCOS on one map, which
    at the location of a detection is also its embedding. A box that is not a
    detection has no embedding of its own here: it gets the one of the
    detection that overlaps it most.

    ``test_cfg`` holds what the head reads and the options of
    :mod:`.search_answers`.
    """

    def __init__(self, *args, test_cfg: dict | None = None, **kwargs) -> None:
        check_options(test_cfg)
        super().__init__(*args, test_cfg=test_cfg, **kwargs)
        check_on_the_host(self.data_preprocessor)

    @property
    def reid_keys(self) -> tuple[str, ...]:
        """Which of its losses and accuracies are of re-identification."""
        return self.bbox_head.reid_keys

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of (B, 3, H, W) images; boxes that cannot be trained on
        are left out, see ``with_usable_boxes``."""
        return super().loss(
            batch_inputs, with_usable_boxes(batch_data_samples)
        )

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Maps of the neck of (B, 3, H, W) images."""
        return self.extract_maps(batch_inputs).pyramid

    def extract_maps(self, batch_inputs: Tensor) -> FeatureMaps:
        """Maps of (B, 3, H, W) images."""
        if self.training:
            # In testing the order of sums stays that of the published code,
            # whose figures ours are held against.
            batch_inputs = channels_innermost(batch_inputs)
        stages = self.backbone(batch_inputs)
        return FeatureMaps(stages, self.neck(stages))

    @property
    def embedding_dims(self) -> dict[str, int]:
        """Length of each embedding that the heads train."""
        return dict(dense=self.bbox_head.in_channels)

    def annotated_embeddings(
        self,
        maps: dict[str, Sequence[Tensor]],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Embeddings at the centres of the annotated boxes; see the method
        of ``PersonSearchRCNN``."""
        rows = self.bbox_head.embeddings_at_centres(
            maps['neck'], batch_data_samples
        )
        return dict(dense=rows)

    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        rescale: bool = True,
    ) -> SampleList:
        """Detections of (B, 3, H, W) images as ``pred_instances``."""
        maps = self.extract_maps(batch_inputs)
        located = self.locate(maps, batch_data_samples)
        results = answer(
            self.test_cfg,
            batch_data_samples,
            lambda: self.complete(maps, batch_data_samples, located),
            lambda boxes: self.embed(maps, batch_data_samples, located, boxes),
            like=batch_inputs,
        )
        if not rescale:
            for result, sample in zip(results, batch_data_samples):
                result.bboxes = to_input_pixels(result.bboxes, sample)
        return self.add_pred_to_datasample(batch_data_samples, results)

    def locate(
        self, maps: FeatureMaps, batch_data_samples: SampleList
    ) -> list[InstanceData]:
        """What the dense head finds, in pixels of the original images."""
        return self.bbox_head.predict(
            maps.pyramid, batch_data_samples, rescale=True
        )

    def complete(
        self,
        maps: FeatureMaps,
        batch_data_samples: SampleList,
        located: list[InstanceData],
    ) -> list[InstanceData]:
        """Predictions made of what the dense head found: the same here."""
        return located

    def embed(
        self,
        maps: FeatureMaps,
        batch_data_samples: SampleList,
        located: list[InstanceData],
        bboxes: list[Tensor],
    ) -> Fields:
        """Embeddings of given boxes.

        Args:
            maps (FeatureMaps): of the B images.
            batch_data_samples (list): their samples.
            located (list): what the dense head found in them.
            bboxes (list[Tensor]): boxes of each image, (n, 4) xyxy, pixels of
                the original image.

        Returns:
            dict: embeddings under the names they have in ``pred_instances``,
            (n, D) float32 per image.
        """
        return dict(
            embeddings=[
                best_overlapping(found.bboxes, found.embeddings, boxes)
                for found, boxes in zip(located, bboxes)
            ]
        )

    def embed_boxes(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        bboxes: list[Tensor],
    ) -> list[Tensor]:
        """Unit embeddings of given boxes.

        Args:
            batch_inputs (Tensor): preprocessed images, (B, 3, H, W) float.
            batch_data_samples (list): B samples with ``img_shape`` and
                ``scale_factor``.
            bboxes (list[Tensor]): boxes of each image, (n, 4) xyxy, pixels of
                the original image.

        Returns:
            list[Tensor]: (n, D) float32 per image; zeros if nobody was
            detected.
        """
        maps = self.extract_maps(batch_inputs)
        located = self.locate(maps, batch_data_samples)
        bboxes = [boxes.to(batch_inputs) for boxes in bboxes]
        fields = self.embed(maps, batch_data_samples, located, bboxes)
        return fields['embeddings']


def best_overlapping(
    candidates: Tensor, values: Tensor, bboxes: Tensor
) -> Tensor:
    """The value of the candidate that overlaps a box most.

    Args:
        candidates (Tensor): (N, 4) xyxy, pixels.
        values (Tensor): a row of each, (N, D).
        bboxes (Tensor): (M, 4) xyxy, the same pixels.

    Returns:
        Tensor: (M, D); zeros if there is no candidate.
    """
    if len(candidates) == 0:
        return values.new_zeros(len(bboxes), values.size(1))
    return values[bbox_overlaps(bboxes, candidates).argmax(dim=1)]
