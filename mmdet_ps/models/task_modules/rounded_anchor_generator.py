"""Anchors of whole pixels."""

from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class RoundedAnchorGenerator(AnchorGenerator):
    """Anchors of sizes in pixels, rounded, around the top-left of a cell.

    Args:
        sizes (list[float]): sides of the square anchors, pixels.
        ratios (list[float]): height / width, the outer order of a cell's
            anchors.
        stride (int): pixels between two cells.
    """

    def __init__(
        self, sizes: list[float], ratios: list[float], stride: int
    ) -> None:
        super().__init__(
            strides=[stride],
            ratios=ratios,
            base_sizes=[1.0],
            scales=[float(size) for size in sizes],
        )

    def gen_single_level_base_anchors(self, *args, **kwargs) -> Tensor:
        """Anchors (A, 4) of the cell at the origin."""
        return super().gen_single_level_base_anchors(*args, **kwargs).round()
