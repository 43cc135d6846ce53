"""COAT's layers on RoI features against slow references."""

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.roi_heads import OccludedTransformer
from mmdet_ps.models.roi_heads.occluded_transformer import (
    ScaleAttention,
    Stripe,
    draw_stripe,
    swap_stripe,
)
from mmdet_ps.utils.errors import UserError


def small(**options):
    torch.manual_seed(0)
    options = {'occlusion': 1, 'embed_dims': 16, 'num_heads': 2, **options}
    return OccludedTransformer(in_channels=6, out_channels=10, **options)


def test_a_stripe_is_taken_from_the_covering_roi():
    # Three RoIs of 2 x 3 locations; each number says RoI, row and column.
    roi, row, column = torch.meshgrid(
        torch.arange(3), torch.arange(2), torch.arange(3), indexing='ij'
    )
    maps = (100 * roi + 10 * row + column)[:, None]
    covering = torch.tensor([2, 0, 1])
    columns = swap_stripe(maps, Stripe(covering, 3, 1, 2))
    assert columns[:, 0].tolist() == [
        [[0, 201, 202], [10, 211, 212]],
        [[100, 1, 2], [110, 11, 12]],
        [[200, 101, 102], [210, 111, 112]],
    ]
    rows = swap_stripe(maps, Stripe(covering, 2, 1, 1))
    assert rows[0, 0].tolist() == [[0, 1, 2], [210, 211, 212]]
    assert maps[0, 0].tolist() == [[0, 1, 2], [10, 11, 12]]  # untouched


def test_every_place_and_both_directions_are_drawn():
    torch.manual_seed(0)
    maps = torch.zeros(4, 1, 5, 3)
    drawn = [draw_stripe(maps, 2) for _ in range(200)]
    places = {(stripe.axis, stripe.start) for stripe in drawn}
    assert places == {(2, 0), (2, 1), (2, 2), (2, 3), (3, 0), (3, 1)}
    assert all(sorted(s.covering.tolist()) == [0, 1, 2, 3] for s in drawn)


@pytest.mark.parametrize('kernel', [1, 3])
def test_attention_equals_its_definition_token_by_token(kernel):
    torch.manual_seed(0)
    block = ScaleAttention(4, 6, kernel, num_heads=2)
    maps = torch.randn(2, 4, 4, 3)
    found = block(maps)
    for x, y in zip(maps, found):
        # One token per location, from its neighbourhood.
        padded = F.pad(x, [kernel // 2] * 4)
        weight, bias = block.to_tokens.weight, block.to_tokens.bias
        places = [(i, j) for i in range(4) for j in range(3)]
        patches = [
            padded[:, i : i + kernel, j : j + kernel] for i, j in places
        ]
        tokens = torch.stack(
            [(weight * patch).sum((1, 2, 3)) + bias for patch in patches]
        )
        tokens = block.norm1(tokens)
        query, key, value = block.qkv(tokens).split(6, dim=1)
        heads = []
        for part in (slice(0, 3), slice(3, 6)):
            scores = query[:, part] @ key[:, part].t() / 3**0.5
            heads.append(scores.softmax(dim=1) @ value[:, part])
        tokens = tokens + block.projection(torch.cat(heads, dim=1))
        tokens = tokens + block.ffn(block.norm2(tokens))
        # Each token gives values to its neighbourhood.
        total = torch.zeros_like(padded)
        for (i, j), values in zip(places, block.to_map(tokens)):
            values = values.view(4, kernel, kernel)
            total[:, i : i + kernel, j : j + kernel] += values
        side = kernel // 2
        expected = x + total[:, side : side + 4, side : side + 3]
        torch.testing.assert_close(y, expected)


def test_only_training_occludes_and_only_where_asked_for():
    maps = torch.randn(5, 6, 4, 4)
    top = small()
    for mode, same in ((False, True), (True, False)):
        top.train(mode)
        torch.manual_seed(1)
        first = top(maps)
        torch.manual_seed(2)
        second = top(maps)
        for one, other in zip(first, second):
            assert torch.equal(one, other) == same
    without = small(occlusion=0).train()
    attended, passed = without(maps)
    assert passed is maps
    torch.manual_seed(2)
    assert torch.equal(without(maps)[0], attended)


def test_shapes_and_no_roi_at_all():
    top = small().train()
    for number in (0, 1, 3):
        attended, passed = top(torch.randn(number, 6, 14, 7))
        assert attended.shape == (number, 10, 14, 7)
        assert passed.shape == (number, 6, 14, 7)
    (attended.sum() + passed.sum()).backward()
    assert all(p.grad is not None for p in top.parameters())


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(UserError, match='no multiple of 2 x 2 scales x 3'):
        small(num_heads=3)
