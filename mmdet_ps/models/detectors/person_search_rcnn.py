"""Two-stage person search."""

from mmdet.models.detectors import TwoStageDetector
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor


@MODELS.register_module()
class PersonSearchRCNN(TwoStageDetector):
    """Faster R-CNN whose RoI head also embeds (OIM, NAE, BSL, SeqNet)."""

    def embed_boxes(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        bboxes: list[Tensor],
    ) -> list[Tensor]:
        """Unit embeddings of given boxes.

        Args:
            batch_inputs: preprocessed images (B, 3, H, W).
            batch_data_samples: with ``scale_factor``.
            bboxes: boxes (n, 4) of every image, in original pixels.

        Returns:
            embeddings (n, D) of every image.
        """
        return self.roi_head.embed_boxes(
            self.extract_feat(batch_inputs), batch_data_samples, bboxes
        )
