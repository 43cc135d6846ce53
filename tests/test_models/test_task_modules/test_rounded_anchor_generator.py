from mmdet_ps.models.task_modules import RoundedAnchorGenerator


def test_sizes_are_pixels_and_vary_fastest():
    generator = RoundedAnchorGenerator(sizes=[8, 16], ratios=[1, 2], stride=16)
    anchors = generator.grid_priors([(2, 3)], device='cpu')[0]
    # 8 / sqrt(2) = 5.66 wide and 8 * sqrt(2) = 11.31 high, rounded halves.
    assert anchors[:4].tolist() == [
        [-4, -4, 4, 4],
        [-8, -8, 8, 8],
        [-3, -6, 3, 6],
        [-6, -11, 6, 11],
    ]
    # Rows outside, columns inside, around (16 * column, 16 * row).
    centers = (anchors[::4, :2] + anchors[::4, 2:]) / 2
    assert centers.tolist() == [
        [0, 0], [16, 0], [32, 0], [0, 16], [16, 16], [32, 16]
    ]  # fmt: skip
