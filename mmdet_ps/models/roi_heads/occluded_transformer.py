"""Attention within RoIs, at several scales, under simulated occlusion."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError


class Stripe(NamedTuple):
    """A stripe of every RoI's map, and the RoI that covers it."""

    covering: Tensor  # (N,) int64, a permutation of the RoIs
    axis: int  # 2: some rows, 3: some columns
    start: int
    width: int


def draw_stripe(features: Tensor, width: int) -> Stripe:
    """Rows or columns, each alike likely, at any place of the map.

    All RoIs of a batch have their stripe at the same place.

    Args:
        features (Tensor): maps of the RoIs, (N, C, h, w).
        width (int): of the stripe, in rows or columns.
    """
    axis = 2 + int(torch.randint(2, ()))
    start = int(torch.randint(features.size(axis) - width + 1, ()))
    covering = torch.randperm(len(features), device=features.device)
    return Stripe(covering, axis, start, width)


def swap_stripe(features: Tensor, stripe: Stripe) -> Tensor:
    """Maps (N, C, h, w) whose stripe is that of the covering RoI."""
    axis, start, width = stripe.axis, stripe.start, stripe.width
    end = start + width
    after = features.size(axis) - end
    parts = [
        features.narrow(axis, 0, start),
        features.narrow(axis, start, width)[stripe.covering],
        features.narrow(axis, end, after),
    ]
    return torch.cat(parts, dim=axis)


class ScaleAttention(nn.Module):
    """One attention block on the tokens of a map, added to the map.

    A convolution makes a token of the k x k neighbourhood of each location,
    and each token gives back values for that neighbourhood, which are added
    up where neighbourhoods overlap. Between the two, with tokens t,

        u = LN(t);  v = u + MSA(u);  t' = v + FFN(LN(v)).

    Args:
        channels (int): of the map.
        embed_dims (int): length of a token.
        kernel_size (int): k, odd.
        num_heads (int): heads of the attention.
    """

    def __init__(
        self, channels: int, embed_dims: int, kernel_size: int, num_heads: int
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.num_heads = num_heads
        self.to_tokens = nn.Conv2d(
            channels, embed_dims, kernel_size, padding=kernel_size // 2
        )
        self.norm1 = nn.LayerNorm(embed_dims)
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.projection = nn.Linear(embed_dims, embed_dims)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.ffn = nn.Sequential(
            nn.Linear(embed_dims, 4 * embed_dims),
            nn.ReLU(inplace=True),
            nn.Linear(4 * embed_dims, embed_dims),
        )
        self.to_map = nn.Linear(embed_dims, channels * kernel_size**2)

    def forward(self, x: Tensor, stripe: Stripe | None = None) -> Tensor:
        """Maps (N, C, h, w) of RoIs to maps of the same shape.

        Args:
            x (Tensor): (N, C, h, w) float.
            stripe (Stripe, optional): tokens that RoIs take from another.
        """
        tokens = self.to_tokens(x)
        if stripe is not None:
            tokens = swap_stripe(tokens, stripe)
        height, width = tokens.shape[2:]
        tokens = self.norm1(tokens.flatten(2).transpose(1, 2))
        tokens = tokens + self._attend(tokens)
        tokens = tokens + self.ffn(self.norm2(tokens))
        tokens = tokens.transpose(1, 2).unflatten(2, (height, width))
        return x + self._to_map(tokens)

    def _attend(self, tokens: Tensor) -> Tensor:
        """Multi-head self-attention of tokens (N, T, D)."""
        heads = self.qkv(tokens).unflatten(2, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # (N, heads, T, d)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.projection(mixed.transpose(1, 2).flatten(2))

    def _to_map(self, tokens: Tensor) -> Tensor:
        """The values of tokens (N, D, h, w), added up to (N, C, h, w)."""
        k, layer = self.kernel_size, self.to_map
        # Linear layer and sum of overlaps in one: the values themselves, k
        # times k as many as the map has, are never held.
        kernel = layer.weight.unflatten(0, (-1, k, k)).permute(3, 0, 1, 2)
        size = tokens.shape[2:]
        bias = layer.bias[None, :, None].expand(-1, -1, size.numel())
        bias = F.fold(bias, size, k, padding=k // 2)
        return F.conv_transpose2d(tokens, kernel, padding=k // 2) + bias


@MODELS.register_module()
class OccludedTransformer(BaseModule):
    """The layers on the RoI features of one stage of COAT.

    Yu et al., "Cascade Transformers for End-to-End Person Search" (CVPR
    2022), section 3.2. The features are reduced, split into one part of the
    channels per scale, attended at each scale (:class:`ScaleAttention`), and
    expanded again. In training each RoI's tokens of one stripe are those of
    another RoI of the batch, as if somebody stood before the person; so are
    the features that go past the attention, at another stripe.

    Args:
        in_channels (int): channels of the RoI features (C4).
        out_channels (int): channels of the answer, in the place of C5.
        embed_dims (int): channels between; a token has half of a scale's.
        kernel_sizes (Sequence[int]): neighbourhood of a token at each scale.
        num_heads (int): heads of each attention.
        occlusion (int): rows or columns that RoIs take from another; 0 for
            none, as in the first stage, which then passes its features on as
            they are.
        init_cfg (dict, optional): initial weights.

    Raises:
        UserError: channels that scales or heads cannot share evenly.
    """

    def __init__(
        self,
        in_channels: int = 1024,
        out_channels: int = 2048,
        embed_dims: int = 512,
        kernel_sizes: Sequence[int] = (1, 3),
        num_heads: int = 8,
        occlusion: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        scales = len(kernel_sizes)
        if embed_dims % (2 * scales * num_heads):
            raise UserError(
                f'embed_dims {embed_dims} is no multiple of 2 x {scales} '
                f'scales x {num_heads} heads'
            )
        self.occlusion = occlusion
        self.reduce = nn.Conv2d(in_channels, embed_dims, 1, bias=False)
        self.scales = nn.ModuleList(
            ScaleAttention(
                embed_dims // scales, embed_dims // scales // 2, k, num_heads
            )
            for k in kernel_sizes
        )
        self.expand = nn.Conv2d(embed_dims, out_channels, 1, bias=False)
        self.skip = (
            nn.Conv2d(in_channels, in_channels, 1, bias=False)
            if occlusion
            else None
        )

    def forward(self, roi_feats: Tensor) -> tuple[Tensor, Tensor]:
        """Attended features (N, out_channels, h, w), and those that go past
        the attention (N, in_channels, h, w).

        Args:
            roi_feats (Tensor): features of the RoIs, (N, in_channels, h, w)
                float.
        """
        swaps = self.training and bool(self.occlusion)
        stripe = draw_stripe(roi_feats, self.occlusion) if swaps else None
        reduced = self.reduce(roi_feats)
        attended = [
            scale(part, stripe)
            for scale, part in zip(
                self.scales, reduced.chunk(len(self.scales), dim=1)
            )
        ]
        top_feats = self.expand(reduced + torch.cat(attended, dim=1))
        if self.skip is None:
            return top_feats, roi_feats
        passed = self.skip(roi_feats)
        if swaps:
            passed = swap_stripe(passed, draw_stripe(passed, self.occlusion))
        return top_feats, passed
