"""Two-stage person search."""

from collections.abc import Sequence

from mmdet.models.detectors import TwoStageDetector
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from ..layers import channels_innermost
from .search_answers import (
    Fields,
    answer,
    check_options,
    to_input_pixels,
)
from .usable_boxes import check_on_the_host, with_usable_boxes


@MODELS.register_module()
class PersonSearchRCNN(TwoStageDetector):
    """Faster R-CNN whose RoI head also embeds (OIM, NAE, BSL, SeqNet).

    ``test_cfg`` holds ``rpn`` and ``rcnn``, for the heads, and the options of
    :mod:`.search_answers`.
    """

    def __init__(self, *args, test_cfg: dict | None = None, **kwargs) -> None:
        check_options(test_cfg)
        super().__init__(*args, test_cfg=test_cfg, **kwargs)
        check_on_the_host(self.data_preprocessor)

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of (B, 3, H, W) images; boxes that cannot be trained on
        are left out, see ``with_usable_boxes``."""
        return super().loss(
            batch_inputs, with_usable_boxes(batch_data_samples)
        )

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of (B, 3, H, W) images."""
        if self.training:
            batch_inputs = channels_innermost(batch_inputs)
        return super().extract_feat(batch_inputs)

    @property
    def reid_keys(self) -> tuple[str, ...]:
        """Which of its losses and accuracies are of re-identification."""
        return self.roi_head.reid_keys

    @property
    def embedding_dims(self) -> dict[str, int]:
        """Length of each embedding that the RoI head trains."""
        return self.roi_head.embedding_dims

    def annotated_embeddings(
        self,
        maps: dict[str, Sequence[Tensor]],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Embeddings of the annotated boxes, to be trained.

        Args:
            maps: output of the backbone and, where there is one, of the neck
                by its name, (B, C, H, W) each.
            batch_data_samples: B samples with ``gt_instances.bboxes`` (N, 4)
                in pixels of the network's input.

        Returns:
            dict: under the names of ``embedding_dims``, (sum of N, D) float,
            of any length.
        """
        x = maps['neck' if self.with_neck else 'backbone']
        return self.roi_head.annotated_embeddings(x, batch_data_samples)

    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        rescale: bool = True,
    ) -> SampleList:
        """Detections of (B, 3, H, W) images as ``pred_instances``."""
        x = self.extract_feat(batch_inputs)

        def detect() -> InstanceList:
            proposals = self.rpn_head.predict(
                x, batch_data_samples, rescale=False
            )
            return self.roi_head.predict(
                x, proposals, batch_data_samples, rescale=True
            )

        def embed(bboxes: list[Tensor]) -> Fields:
            rows = self.roi_head.embed_boxes(x, batch_data_samples, bboxes)
            return dict(embeddings=rows)

        results = answer(
            self.test_cfg, batch_data_samples, detect, embed, like=batch_inputs
        )
        self.roi_head.describe_scenes(x, batch_data_samples)
        if not rescale:
            for result, sample in zip(results, batch_data_samples):
                result.bboxes = to_input_pixels(result.bboxes, sample)
        return self.add_pred_to_datasample(batch_data_samples, results)

    def embed_boxes(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        bboxes: list[Tensor],
    ) -> list[Tensor]:
        """Unit embeddings of given boxes.

        Args:
            batch_inputs (Tensor): preprocessed images, (B, 3, H, W) float.
            batch_data_samples (list): B samples with ``scale_factor``.
            bboxes (list[Tensor]): boxes of each image, (n, 4) xyxy, pixels of
                the original image.

        Returns:
            list[Tensor]: (n, D) float32 per image.
        """
        return self.roi_head.embed_boxes(
            self.extract_feat(batch_inputs), batch_data_samples, bboxes
        )
