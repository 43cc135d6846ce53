"""Ties the two views of a picture together, for any detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdet_ps.utils.errors import UserError

# Outputs of a detector's parts by name: one map or several, (B, C, H, W).
Maps = dict[str, Tensor | Sequence[Tensor]]


@MODELS.register_module()
class TwoViewTerm(BaseModule):
    """A :class:`TwoViewLoss` per embedding of a detector.

    Of every annotated person that both views of a picture show, the feature
    of the embedding head in one view must predict that in the other. Which
    feature that is the detector says (``annotated_embeddings``): two-stage
    methods pool the annotated box, AlignPS reads the map at its centre.

    Args:
        embedding_dims (dict): Length of each embedding, by its name, as the
            detector's ``embedding_dims`` says.
        branches (Sequence[str]): Branches whose persons are compared.
        weight (float): Weight of the loss of each embedding.
        hidden_channels (int, optional): Width of the predictors' hidden
            layer, a quarter of the embedding's length by default.
        erase (dict, optional): Options of :func:`erase_in_boxes`; None
            compares what the maps hold.
    """

    def __init__(
        self,
        embedding_dims: dict[str, int],
        branches: Sequence[str] = ('det',),
        weight: float = 1.0,
        hidden_channels: int | None = None,
        erase: dict | None = None,
    ) -> None:
        super().__init__()
        self.branches = tuple(branches)
        self.erase = erase
        self.losses = nn.ModuleDict(
            {
                name: MODELS.build(
                    dict(
                        type='TwoViewLoss',
                        in_channels=length,
                        hidden_channels=hidden_channels,
                        loss_weight=weight,
                    )
                )
                for name, length in embedding_dims.items()
            }
        )

    def forward(
        self, detector: nn.Module, maps: Maps, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of one pass of the detector over both views of pictures.

        Args:
            detector: Whose ``annotated_embeddings`` are compared.
            maps: Outputs of its backbone and, where it has one, its neck.
            data_samples: B samples whose metainfo says their ``picture``,
                with ``gt_instances.annotation_indices`` (N,) int64.

        Returns:
            dict: ``<name>_two_view_loss`` and, where two persons or more
            were compared, ``<name>_two_view_spread`` of each embedding.

        Raises:
            UserError: The samples are not views of pictures.
        """
        first, second = matched_persons(data_samples)
        if self.erase is not None:
            maps = erase_in_boxes(maps, data_samples, **self.erase)
        with kept_running_statistics(detector):
            embeddings = detector.annotated_embeddings(maps, data_samples)
        results = {}
        for name, rows in embeddings.items():
            loss, spread = self.losses[name](rows[first], rows[second])
            results[f'{name}_two_view_loss'] = loss
            if spread is not None:
                results[f'{name}_two_view_spread'] = spread
        return results


def matched_persons(data_samples: SampleList) -> tuple[Tensor, Tensor]:
    """Rows of the persons that both views of a picture show.

    Args:
        data_samples: See :meth:`TwoViewTerm.forward`; of two samples with
            the same ``picture`` the former is the first view.

    Returns:
        tuple: Rows (P,) int64 of the persons in the first views, and in the
        second ones, among all annotated persons of the samples.
    """
    keys, is_second, seen = [], [], set()
    for data_sample in data_samples:
        numbers = data_sample.gt_instances.get('annotation_indices')
        picture = data_sample.get('picture')
        if numbers is None or picture is None:
            raise UserError(
                f'{data_sample.get("img_path")}: the two-view term needs two '
                'views of each picture: set num_views=2 of BranchViews in the '
                'pipelines of its branch'
            )
        # Nobody annotates 2**31 persons in one picture.
        keys.append(numbers + picture * 2**31)
        is_second.append(
            torch.full_like(numbers, picture in seen, dtype=torch.bool)
        )
        seen.add(picture)
    keys, is_second = torch.cat(keys), torch.cat(is_second)
    same = (keys[:, None] == keys) & (~is_second[:, None] & is_second)
    first, second = same.nonzero(as_tuple=True)
    return first, second


@contextmanager
def kept_running_statistics(module: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch norms alone.

    A pass over annotated persons alone would pull them away from what the
    detector meets in testing: persons and background.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum


def erase_in_boxes(
    maps: Maps,
    data_samples: SampleList,
    area: tuple[float, float] = (0.02, 0.3),
    aspect: tuple[float, float] = (0.3, 3.3),
    probability: float = 0.5,
) -> Maps:
    """Copies of feature maps with a rectangle of each annotated box zeroed.

    Random erasing (Zhong et al., AAAI 2020) on feature maps, so that an
    embedding cannot rest on one part of a person.

    Args:
        maps: Maps (B, C, H, W) by name, one or several under each.
        data_samples: B samples with ``batch_input_shape`` and
            ``gt_instances.bboxes`` (N, 4) xyxy in pixels of the input.
        area: Smallest and largest share of the box that is erased.
        aspect: Smallest and largest ratio of the rectangle's height to its
            width; drawn evenly on a logarithmic scale.
        probability: Share of the boxes that lose a rectangle.
    """
    shares = _erased_shares(data_samples, area, aspect, probability)
    erased = {}
    for name, levels in maps.items():
        alone = isinstance(levels, Tensor)
        levels = [levels] if alone else levels
        levels = [level * _kept(level, shares) for level in levels]
        erased[name] = levels[0] if alone else tuple(levels)
    return erased


def _erased_shares(
    data_samples: SampleList,
    area: tuple[float, float],
    aspect: tuple[float, float],
    probability: float,
) -> list[Tensor]:
    """Rectangles (n, 4) xyxy of each sample, as shares of the input's
    width and height."""
    rectangles = []
    for data_sample in data_samples:
        boxes = data_sample.gt_instances.bboxes
        drawn = torch.rand(5, len(boxes)).to(boxes)
        size = boxes[:, 2:] - boxes[:, :2]
        erased = size.prod(dim=1) * torch.lerp(
            *drawn.new_tensor(area), drawn[0]
        )
        ratio = torch.lerp(*drawn.new_tensor(aspect).log(), drawn[1]).exp()
        sides = torch.stack([erased / ratio, erased * ratio], dim=1).sqrt()
        sides = sides.minimum(size)
        corner = boxes[:, :2] + drawn[2:4].t() * (size - sides)
        height, width = data_sample.batch_input_shape
        found = torch.cat([corner, corner + sides], dim=1)
        found = found / found.new_tensor([width, height, width, height])
        # Empty where nothing is erased, which costs no look at the values.
        rectangles.append(found * (drawn[4] < probability)[:, None])
    return rectangles


def _kept(level: Tensor, shares: list[Tensor]) -> Tensor:
    """Mask (B, 1, H, W) of a map's locations whose centre no rectangle has.

    Args:
        level: The map, (B, C, H, W).
        shares: Rectangles (n, 4) of each image, as shares of its size.
    """
    height, width = level.shape[-2:]
    ys = (torch.arange(height, device=level.device) + 0.5) / height
    xs = (torch.arange(width, device=level.device) + 0.5) / width
    masks = []
    for rectangles in shares:
        x1, y1, x2, y2 = rectangles.t()[:, :, None]
        inside_x = ((xs >= x1) & (xs < x2)).to(level)  # (n, W)
        inside_y = ((ys >= y1) & (ys < y2)).to(level)  # (n, H)
        masks.append((inside_y.t() @ inside_x) == 0)
    return torch.stack(masks)[:, None].to(level)
