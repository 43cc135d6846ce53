"""Batches that hold scenes, crops, or both."""

from mmdet.models.data_preprocessors import MultiBranchDataPreprocessor
from mmdet.registry import MODELS


@MODELS.register_module()
class HybridDataPreprocessor(MultiBranchDataPreprocessor):
    """mmdet's preprocessor of branches, for batches that may lack a branch.

    Args:
        data_preprocessor: The preprocessor of each branch, usually the one
            of the wrapped detector.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise and pad each branch on its own.

        Args:
            data: In training, ``inputs`` and ``data_samples`` by branch,
                each a list with None where a sample is of another branch.
                Otherwise a plain batch.
            training: Whether the batch is one of training.

        Returns:
            dict: ``inputs`` and ``data_samples``, by branch in training;
            a branch without samples is left out.
        """
        if training:
            present = [
                branch
                for branch, samples in data['data_samples'].items()
                if any(sample is not None for sample in samples)
            ]
            data = {
                key: {branch: values[branch] for branch in present}
                for key, values in data.items()
            }
        return super().forward(data, training)
