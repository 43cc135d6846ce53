"""Batches that hold scenes, crops, or both."""

from mmdet.models.data_preprocessors import MultiBranchDataPreprocessor
from mmdet.registry import MODELS

from mmdet_ps.structures.fields import SECOND_VIEW


@MODELS.register_module()
class HybridDataPreprocessor(MultiBranchDataPreprocessor):
    """mmdet's preprocessor of branches, for batches that may lack a branch.

    The second views that ``BranchViews`` packs join their branch, behind the
    first ones: a view is an image of the batch like any other. The metainfo
    of both says ``picture``, the place of the picture in the loader's batch,
    which tells the views that belong together.

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
            data = {key: dict(values) for key, values in data.items()}
            _join_views(data)
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


def _join_views(data: dict[str, dict[str, list]]) -> None:
    """Append the second views of each branch to the first ones, in place."""
    names = [n for n in data['data_samples'] if n.endswith(SECOND_VIEW)]
    for name in names:
        branch = name.removesuffix(SECOND_VIEW)
        for views in (branch, name):
            for picture, sample in enumerate(data['data_samples'][views]):
                if sample is not None:
                    sample.set_metainfo(dict(picture=picture))
        for values in data.values():
            values[branch] = [*values[branch], *values.pop(name)]
