"""Deformable convolution one sample at a time, to compare with."""

import math

import numpy as np


def corners(y, x, height, width):
    """(row, column, weight, d weight / dy, d weight / dx) of the neighbours
    inside the map; none for a point at or outside -1 or the map's size."""
    if not (-1 < y < height and -1 < x < width):
        return
    top, left = math.floor(y), math.floor(x)
    down, right = y - top, x - left
    for row, wy, dy in ((top, 1 - down, -1), (top + 1, down, 1)):
        for column, wx, dx in ((left, 1 - right, -1), (left + 1, right, 1)):
            if 0 <= row < height and 0 <= column < width:
                yield row, column, wy * wx, dy * wx, wy * dx


def points(features, offset, mask, weight, shape):
    """Everything about each sampling point, as a tuple per point."""
    batch, channels, height, width = features.shape
    kh, kw = weight.shape[2:]
    per_group = channels // shape['deform_groups']
    for n in range(batch):
        for out_y, out_x in np.ndindex(*offset.shape[2:]):
            for group in range(shape['deform_groups']):
                for i, j in np.ndindex(kh, kw):
                    tap = (group * kh + i) * kw + j
                    y = out_y * shape['stride'][0] - shape['padding'][0]
                    x = out_x * shape['stride'][1] - shape['padding'][1]
                    y += i * shape['dilation'][0]
                    x += j * shape['dilation'][1]
                    y += offset[n, 2 * tap, out_y, out_x]
                    x += offset[n, 2 * tap + 1, out_y, out_x]
                    scale = 1.0
                    if mask is not None:
                        scale = mask[n, tap, out_y, out_x]
                    these = slice(group * per_group, (group + 1) * per_group)
                    near = list(corners(y, x, height, width))
                    yield n, out_y, out_x, i, j, tap, these, scale, near


def slow_deform_conv(
    features, offset, mask, weight, bias, grad_output, **shape
):
    """Output and the gradients of all five inputs, float64 arrays."""
    batch, channels = features.shape[:2]
    dense = dense_weight(weight, channels, shape['groups'])
    output = np.zeros((batch, len(weight), *offset.shape[2:]))
    grad = {
        'features': np.zeros_like(features),
        'offset': np.zeros_like(offset),
        'mask': None if mask is None else np.zeros_like(mask),
        'weight': np.zeros_like(dense),
        'bias': None if bias is None else grad_output.sum((0, 2, 3)),
    }
    for n, out_y, out_x, i, j, tap, these, scale, near in points(
        features, offset, mask, weight, shape
    ):
        place = (slice(None), out_y, out_x)
        value = d_dy = d_dx = 0
        # What one unit of each channel here is worth: (channels of these,).
        worth = grad_output[n][place] @ dense[:, these, i, j]
        for row, column, amount, dy, dx in near:
            pixel = features[n, these, row, column]
            value = value + amount * pixel
            d_dy = d_dy + dy * pixel
            d_dx = d_dx + dx * pixel
            grad['features'][n, these, row, column] += amount * scale * worth
        output[n][place] += dense[:, these, i, j] @ (value * scale + 0 * worth)
        grad['weight'][:, these, i, j] += np.outer(
            grad_output[n][place], value * scale + 0 * worth
        )
        where = (n, 2 * tap, out_y, out_x)
        grad['offset'][where] = scale * np.sum(worth * d_dy)
        where = (n, 2 * tap + 1, out_y, out_x)
        grad['offset'][where] = scale * np.sum(worth * d_dx)
        if mask is not None:
            grad['mask'][n, tap, out_y, out_x] = np.sum(worth * value)
    if bias is not None:
        output += bias[:, None, None]
    grad['weight'] = grouped_weight(grad['weight'], weight.shape)
    return output, grad


def dense_weight(weight, channels, groups):
    """A grouped weight (O, C / g, kh, kw) as (O, C, kh, kw) with zeros."""
    outputs, per_group = weight.shape[:2]
    dense = np.zeros((outputs, channels, *weight.shape[2:]))
    for out in range(outputs):
        first = out // (outputs // groups) * per_group
        dense[out, first : first + per_group] = weight[out]
    return dense


def grouped_weight(dense, shape):
    """Undo ``dense_weight``."""
    outputs, per_group = shape[:2]
    groups = dense.shape[1] // per_group
    result = np.zeros(shape)
    for out in range(outputs):
        first = out // (outputs // groups) * per_group
        result[out] = dense[out, first : first + per_group]
    return result
