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
        (maps,) = x
        rows, columns = self._pooling[0]
        places = len(maps) * maps.shape[2] * maps.shape[3]
        if (
            maps.device.type != 'cpu'
            or maps.dtype != torch.float32
            or torch.is_autocast_enabled('cpu')
            or not getattr(top, 'enters_early', False)
            # The shortcut of a top skips every other row and column of bins.
            or len(rois) * rows * columns // 4 <= places
        ):
            return top(self.roi_features(x, rois))

        def cut(cells: Tensor, step: int, rois: Tensor) -> Tensor:
            return roi_align_windows.pool(cells, rois, *self._pooling, step)

        # Fewer at a time fit into memory that the process has already.
        pools = [partial(cut, rois=some) for some in rois.split(PIECE)]
        return top.forward_regions(channels_innermost(maps), pools)
