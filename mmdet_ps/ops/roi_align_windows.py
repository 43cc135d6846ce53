"""RoIAlign and its gradient on CPUs, by matrix products.

The average over the sampling points of a bin is linear in the rows of the
map, and in its columns: with a matrix (bins, cells) of weights for either
axis, a region's bins are ``rows @ map @ columns.T``, and the gradient of the
map is ``rows.T @ gradient @ columns``, within the window that the region
touches. torchvision adds up point by point instead, which takes several times
as long.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


@torch.autocast('cpu', enabled=False)
def pool(
    maps: Tensor,
    rois: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    step: int = 1,
) -> Tensor:
    """The bins of each region, as ``torchvision.ops.roi_align``.

    Args:
        maps (Tensor): (N, C, H, W) float32.
        rois (Tensor): index of the image and corners, (R, 5), pixels of the
            image.
        output_size (tuple[int, int]): rows and columns of bins.
        spatial_scale, sampling_ratio, aligned: see
            :func:`~mmdet_ps.ops.roi_align.roi_align_forward`.
        step (int): from one row or column of bins to the next one wanted.

    Returns:
        Tensor: (R, C, h, w), with the channels innermost in memory; of a step
        of 2, every other of these rows and columns.
    """
    cells = maps.permute(0, 2, 3, 1).contiguous()
    wanted = [len(range(0, number, step)) for number in output_size]
    bins = maps.new_empty(len(rois), *wanted, maps.shape[1])
    windows = windows_of(
        rois,
        output_size,
        cells.shape[1:3],
        spatial_scale,
        sampling_ratio,
        aligned,
        step,
    )
    for result, (place, rows, columns) in zip(bins, windows):
        part = torch.mm(rows, cells[place].flatten(1))
        part = part.view(len(rows), columns.shape[1], bins.shape[3])
        torch.bmm(columns.expand(len(rows), -1, -1), part, out=result)
    return bins.permute(0, 3, 1, 2)


def add_gradient(
    target: Tensor,
    gradient: Tensor,
    rois: Tensor,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> None:
    """Add the gradient of the features to ``target``.

    Args:
        target (Tensor): (N, H, W, C), changed.
        gradient (Tensor): that of the regions' bins, (R, h, w, C).
        rois (Tensor): index of the image and corners, (R, 5), pixels of the
            image.
        spatial_scale, sampling_ratio, aligned: see
            :func:`~mmdet_ps.ops.roi_align.roi_align_forward`.
    """
    windows = windows_of(
        rois,
        gradient.shape[1:3],
        target.shape[1:3],
        spatial_scale,
        sampling_ratio,
        aligned,
    )
    for part, (place, rows, columns) in zip(gradient, windows):
        part = torch.bmm(columns.mT.expand(len(rows), -1, -1), part)
        part = torch.mm(rows.mT, part.flatten(1))
        window = target[place]
        window.add_(part.view(window.shape))


def windows_of(
    rois: Tensor,
    bins: tuple[int, int],
    cells: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    step: int = 1,
) -> Iterator[tuple[tuple, Tensor, Tensor]]:
    """The cells that each region touches, and what they count in its bins.

    Args:
        rois, spatial_scale, sampling_ratio, aligned, step: see :func:`pool`.
        bins (tuple[int, int]): rows and columns of bins of a region.
        cells (tuple[int, int]): rows and columns of a map.

    Yields:
        tuple: the index of a window of maps (N, H, W, C), and the weights of
        its rows (h, rows) and of its columns (w, columns).
    """
    offset = 0.5 if aligned else 0.0
    corners = rois[:, 1:] * spatial_scale - offset
    sizes = corners[:, 2:] - corners[:, :2]
    if not aligned:
        sizes = sizes.clamp(min=1)
    down = axis_weights(
        corners[:, 1], sizes[:, 1], bins[0], cells[0], sampling_ratio
    )[:, ::step]
    across = axis_weights(
        corners[:, 0], sizes[:, 0], bins[1], cells[1], sampling_ratio
    )[:, ::step]
    windows = zip(
        rois[:, 0].long().tolist(),
        *touched(down),
        *touched(across),
        down,
        across,
    )
    for image, top, bottom, left, right, rows, columns in windows:
        place = image, slice(top, bottom), slice(left, right)
        yield place, rows[:, top:bottom], columns[:, left:right]


def axis_weights(
    start: Tensor, size: Tensor, bins: int, cells: int, sampling_ratio: int
) -> Tensor:
    """What each cell of an axis counts in each bin of each region.

    Args:
        start (Tensor): where the regions begin, (R,) float, cells.
        size (Tensor): how long they are, (R,) float, cells.
        bins (int): into how many parts each is cut.
        cells (int): length of the axis.
        sampling_ratio (int): points per bin; 0 takes one per cell begun.

    Returns:
        Tensor: (R, bins, cells) float; the points of a bin are averaged.
    """
    length = size / bins
    number = (
        torch.full_like(size, sampling_ratio)
        if sampling_ratio > 0
        else length.ceil().clamp(min=0)
    )[:, None, None]
    most = int(number.max()) if len(number) else 0
    steps = torch.arange(most, device=size.device)
    index = torch.arange(bins, device=size.device)[:, None]
    length = length[:, None, None]
    points = (
        start[:, None, None]
        + index * length
        + (steps + 0.5) * length / number.clamp(min=1)
    )  # (R, bins, points)
    # Points further outside than a cell are worth nothing, the others as much
    # as the border.
    counts = (steps < number) & (points >= -1) & (points <= cells)
    weight = counts / number.clamp(min=1)
    points = points.clamp(min=0, max=cells - 1)
    before = points.floor()
    share = (points - before) * weight
    before = before.long()
    after = (before + 1).clamp(max=cells - 1)
    weights = size.new_zeros(len(size), bins, cells)
    weights.scatter_add_(2, before, weight - share)
    return weights.scatter_add_(2, after, share)


def touched(weights: Tensor) -> tuple[list[int], list[int]]:
    """First cell of each region with a weight, and the one after the last;
    the same for a region without. Weights are (R, bins, cells)."""
    cells = torch.arange(weights.shape[2], device=weights.device)
    inside = (weights != 0).any(dim=1)
    last = torch.where(inside, cells + 1, 0).amax(dim=1)
    first = torch.where(inside, cells, weights.shape[2]).amin(dim=1)
    return first.minimum(last).tolist(), last.tolist()
