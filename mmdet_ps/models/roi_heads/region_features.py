"""Features of regions, cut out of maps as fast as the device allows."""

from functools import partial

import torch
import torch.nn as nn
from torch import Tensor
from torchvision.ops import roi_align

from mmdet_ps.models.layers import channels_innermost
from mmdet_ps.ops import roi_align_windows

# RoIs that a top which enters early looks at at a time.
PIECE = 75


class RegionFeatures:
    """Part of a RoI head: what its ``bbox_roi_extractor`` cuts out, and what
    a top makes of it."""

    def roi_features(self, x: tuple[Tensor], rois: Tensor) -> Tensor:
        """Pooled features (N, C, h, w) float32 of RoIs (N, 5).

        Always in single precision: mmcv rounds the boxes to the type of the
        maps, and half precision cannot tell neighbouring pixels apart.
        """
        maps = tuple(level.float() for level in x)
        if torch.is_grad_enabled() or torch.jit.is_tracing():
            features = self.bbox_roi_extractor(maps, rois.float())
        else:
            features = self._roi_features_in_testing(maps, rois.float())
        return channels_innermost(features)

    def _roi_features_in_testing(
        self, maps: tuple[Tensor], rois: Tensor
    ) -> Tensor:
        """The same as of the extractor, which for training fills and copies
        twice as much memory as the features need. On a CPU products of
        matrices are several times as fast, and have the channels innermost."""
        pool = roi_align if maps[0].is_cuda else roi_align_windows.pool
        return pool(maps[0], rois, *self._pooling)

    @property
    def _pooling(self) -> tuple:
        """Bins, scale, points per bin and alignment of RoIAlign."""
        (layer,) = self.bbox_roi_extractor.roi_layers
        return (
            layer.output_size,
            layer.spatial_scale,
            layer.sampling_ratio,
            layer.aligned,
        )

    def top_features(
        self, top: nn.Module, x: tuple[Tensor], rois: Tensor
    ) -> Tensor:
        """What a top makes of the features of RoIs (N, 5); one that
        ``enters_early`` does so in prediction on a CPU, if that is less."""
        enters_early = getattr(top, 'enters_early', False)
        if not (enters_early and self._maps_are_less(x, rois)):
            return top(self.roi_features(x, rois))
        # Fewer at a time fit into memory that the process has already.
        pools = [partial(self._cut, rois=some) for some in rois.split(PIECE)]
        return top.forward_regions(channels_innermost(x[0]), pools)

    def _maps_are_less(self, x: tuple[Tensor], rois: Tensor) -> bool:
        """Whether a convolution of 1x1 takes less on the maps than on the
        features of RoIs (N, 5), and may be computed there."""
        (maps,) = x
        rows, columns = self._pooling[0]
        places = len(maps) * maps.shape[2] * maps.shape[3]
        return (
            maps.device.type == 'cpu'
            and maps.dtype == torch.float32
            and not torch.is_autocast_enabled('cpu')
            # The shortcut of a top skips every other row and column of bins.
            and len(rois) * rows * columns // 4 > places
        )

    def _cut(self, maps: Tensor, step: int, rois: Tensor) -> Tensor:
        """Every n-th row and column of the bins of RoIs (N, 5)."""
        return roi_align_windows.pool(maps, rois, *self._pooling, step)
