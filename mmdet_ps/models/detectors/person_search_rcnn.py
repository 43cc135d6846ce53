"""Two-stage person search."""

from collections.abc import Sequence

from mmdet.models.detectors import TwoStageDetector
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor

from .usable_boxes import with_usable_boxes


@MODELS.register_module()
class PersonSearchRCNN(TwoStageDetector):
    """Faster R-CNN whose RoI head also embeds (OIM, NAE, BSL, SeqNet)."""

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of (B, 3, H, W) images; boxes that cannot be trained on
        are left out, see ``with_usable_boxes``."""
        return super().loss(
            batch_inputs, with_usable_boxes(batch_data_samples)
        )

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
