"""mmcv.ops.RoIAlign on our operators against loops."""

import math

import numpy as np
import pytest
import torch
from mmcv.ops import RoIAlign
from torchvision.ops import roi_align

from mmdet_ps.ops import MissingOperatorError, roi_align_windows


def slow_roi_align(features, rois, size, scale, ratio, aligned):
    """Loops over RoIs, bins and sampling points; float64 arrays."""
    _, channels, height, width = features.shape
    output = np.zeros((len(rois), channels, *size))
    for r, (image, *box) in enumerate(rois):
        x1, y1, x2, y2 = (
            coordinate * scale - (0.5 if aligned else 0) for coordinate in box
        )
        roi_h, roi_w = y2 - y1, x2 - x1
        if not aligned:
            roi_h, roi_w = max(roi_h, 1), max(roi_w, 1)
        points_y = ratio or math.ceil(roi_h / size[0])
        points_x = ratio or math.ceil(roi_w / size[1])
        for i, j in np.ndindex(*size):
            total = np.zeros(channels)
            for p, q in np.ndindex(points_y, points_x):
                y = y1 + (i + (p + 0.5) / points_y) * roi_h / size[0]
                x = x1 + (j + (q + 0.5) / points_x) * roi_w / size[1]
                total += bilinear(features[int(image)], y, x)
            output[r, :, i, j] = total / max(points_y * points_x, 1)
    return output


def bilinear(image, y, x):
    """Value (C,) of (C, H, W); border values repeat for up to a pixel."""
    _, height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(len(image))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    down, right = min(top + 1, height - 1), min(left + 1, width - 1)
    v, h = y - top, x - left
    upper = (1 - h) * image[:, top, left] + h * image[:, top, right]
    lower = (1 - h) * image[:, down, left] + h * image[:, down, right]
    return (1 - v) * upper + v * lower


def random_rois(seed, count=8, images=2):
    generator = np.random.default_rng(seed)
    corner = generator.uniform(-4, 30, (count, 2))
    size = generator.uniform(0.1, 25, (count, 2))
    index = generator.integers(0, images, (count, 1))
    rois = np.concatenate((index, corner, corner + size), 1)
    return torch.from_numpy(rois)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('ratio', [0, 2])
def test_values_are_those_of_loops(ratio, aligned):
    features = torch.randn(2, 3, 9, 11, dtype=torch.float64)
    rois = random_rois(ratio)
    layer = RoIAlign((3, 2), 0.4, ratio, aligned=aligned)
    expected = slow_roi_align(
        features.numpy(), rois.numpy(), (3, 2), 0.4, ratio, aligned
    )
    np.testing.assert_allclose(layer(features, rois), expected, atol=1e-10)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('ratio', [0, 2])
def test_products_of_matrices_are_those_of_torchvision(ratio, aligned):
    features = torch.randn(2, 3, 9, 11, dtype=torch.float64)
    outside = torch.tensor([[1, 500, 0, 600, 8], [0, 0, -90, 9, -60]])
    empty = torch.tensor([[1, 4, 5, 4, 5]])
    rois = torch.cat([random_rois(ratio, 30), outside, empty])
    options = (4, 2), 0.4, ratio, aligned
    bins = roi_align_windows.pool(features, rois, *options)
    torch.testing.assert_close(bins, roi_align(features, rois, *options))
    assert not bins[30:32].any()


@pytest.mark.parametrize('size', [(4, 2), (5, 3), (1, 1)])
def test_every_other_bin(size):
    maps, rois = torch.randn(2, 3, 9, 11), random_rois(2, 30).float()
    options = size, 0.4, 2, True
    bins = roi_align_windows.pool(maps, rois, *options)
    found = roi_align_windows.pool(maps, rois, *options, step=2)
    torch.testing.assert_close(found, bins[..., ::2, ::2])


def test_products_of_matrices_keep_single_precision_under_autocast():
    maps, rois = torch.randn(2, 3, 9, 11), random_rois(2).float()
    options = (4, 2), 0.4, 2, True
    with torch.autocast('cpu', torch.bfloat16):
        bins = roi_align_windows.pool(maps, rois, *options)
    assert bins.dtype is torch.float32
    assert torch.equal(bins, roi_align_windows.pool(maps, rois, *options))


@pytest.mark.parametrize('aligned', [True, False])
def test_gradcheck(aligned):
    features = torch.randn(2, 2, 5, 6, dtype=torch.float64)
    features.requires_grad_()
    layer = RoIAlign((2, 2), 0.25, 0, aligned=aligned)
    rois = random_rois(5, count=3)
    assert torch.autograd.gradcheck(lambda x: layer(x, rois), (features,))


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('ratio', [0, 2])
def test_gradients_are_those_of_torchvision(ratio, aligned):
    features = torch.zeros(2, 3, 9, 11, dtype=torch.float64)
    features.requires_grad_()
    outside = torch.tensor([[1, 500, 500, 600, 600], [0, -90, -90, -60, 70]])
    rois = torch.cat([random_rois(ratio, count=30), outside.double()])
    gradient = torch.randn(len(rois), 3, 4, 2, dtype=torch.float64)
    RoIAlign((4, 2), 0.4, ratio, aligned=aligned)(features, rois).backward(
        gradient
    )
    expected = torch.ops.torchvision._roi_align_backward(
        gradient, rois, 0.4, 4, 2, *features.shape, ratio, aligned
    )
    assert expected.abs().sum() > 0
    torch.testing.assert_close(features.grad, expected)


def test_no_rois():
    features = torch.randn(2, 3, 5, 6, requires_grad=True)
    output = RoIAlign((7, 7), 1.0)(features, torch.zeros(0, 5))
    output.sum().backward()
    assert output.shape == (0, 3, 7, 7)
    assert not features.grad.any()


def test_half_precision_and_mixed_types():
    features = torch.randn(2, 3, 9, 11)
    rois = random_rois(1).float()
    layer = RoIAlign((3, 3), 0.4)
    low = features.bfloat16().requires_grad_()
    output = layer(low, rois)
    output.sum().backward()
    assert output.dtype == low.grad.dtype == torch.bfloat16
    torch.testing.assert_close(
        output.float(), layer(features, rois), atol=0.05, rtol=0.05
    )


def test_maximum_says_what_to_do():
    layer = RoIAlign((2, 2), pool_mode='max')
    with pytest.raises(MissingOperatorError, match="pool_mode='avg'"):
        layer(torch.zeros(1, 1, 4, 4), torch.tensor([[0.0, 0, 0, 3, 3]]))
