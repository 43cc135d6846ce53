"""Matching boxes to persons and sampling them, for whole batches at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.models.task_modules.assigners import BaseAssigner
from mmdet.models.task_modules.samplers import BaseSampler, RandomSampler
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdet_ps.utils.errors import UserError

# Beside the index of a person, what a box may be.
BACKGROUND = -1
UNUSED = -2
# Overlaps computed at a time: 16 MB of them, several times that with what
# they are computed from.
OVERLAPS = 2**22


def pad(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of each image as one tensor.

    Args:
        rows (list[Tensor]): of each of B images, (n_i, ...).

    Returns:
        tuple[Tensor, Tensor]: (B, N, ...), where N is the most rows of an
        image, but at least one; and which of them are real, (B, N) bool.
    """
    counts = torch.tensor([len(r) for r in rows], device=rows[0].device)
    padded = pad_sequence(list(rows), batch_first=True)
    if padded.size(1) == 0:
        padded = padded.new_zeros(len(rows), 1, *padded.shape[2:])
    index = torch.arange(padded.size(1), device=counts.device)
    return padded, index < counts[:, None]


def masked_overlaps(
    boxes: Tensor, usable: Tensor, persons: Tensor, real: Tensor
) -> Tensor:
    """Overlaps of boxes with persons.

    Args:
        boxes (Tensor): (B, N, 4) xyxy, pixels.
        usable (Tensor): which of them count, (B, N) bool.
        persons (Tensor): annotated boxes, (B, M, 4) xyxy, pixels.
        real (Tensor): which of these exist, (B, M) bool.

    Returns:
        Tensor: IoU (B, N, M) float, -1 where one of the two does not count.
    """
    overlaps = bbox_overlaps(boxes, persons)
    return overlaps.masked_fill(~(usable[:, :, None] & real[:, None]), -1)


def lies_in(boxes: Tensor, regions: Tensor, share: float) -> Tensor:
    """Whether more than a share of each box lies in one region.

    Args:
        boxes (Tensor): (..., N, 4) xyxy, pixels.
        regions (Tensor): (..., M, 4) xyxy, pixels; M may be 0.
        share (float): in [0, 1).

    Returns:
        Tensor: (..., N) bool.
    """
    if regions.size(-2) == 0:
        return torch.zeros_like(boxes[..., 0], dtype=torch.bool)
    return (bbox_overlaps(boxes, regions, mode='iof') > share).any(dim=-1)


def assign_persons(
    boxes: Tensor,
    usable: Tensor,
    persons: Tensor,
    real: Tensor,
    rule: BaseAssigner,
) -> Tensor:
    """The person that each box is trained on.

    Of crowded pictures not all overlaps are held at once but those of
    ``OVERLAPS``; what is found does not depend on it.

    Args:
        boxes (Tensor): (B, N, 4) xyxy, pixels.
        usable (Tensor): which of them count, (B, N) bool.
        persons (Tensor): annotated boxes, (B, M, 4) xyxy, pixels.
        real (Tensor): which of these exist, (B, M) bool.
        rule (BaseAssigner): mmdet's; see :func:`check_rules`.

    Returns:
        Tensor: index of the person, BACKGROUND or, where nobody decides,
        UNUSED, (B, N) int64.
    """
    size = max(1, OVERLAPS // max(1, persons[..., 0].numel()))
    parts = range(0, max(1, boxes.size(1)), size)

    def overlaps(start: int) -> Tensor:
        part = slice(start, start + size)
        return masked_overlaps(boxes[:, part], usable[:, part], persons, real)

    lowest = low_quality_from(rule)
    most = None
    if lowest is not None and len(parts) > 1:
        # What a person overlaps most may lie in any part.
        most = torch.stack(
            [overlaps(start).amax(dim=1) for start in parts]
        ).amax(dim=0)
    return torch.cat(
        [
            assign_by_overlap(
                overlaps(start),
                rule.pos_iou_thr,
                rule.neg_iou_thr,
                lowest,
                most,
            )
            for start in parts
        ],
        dim=1,
    )


def assign_by_overlap(
    overlaps: Tensor,
    positive_from: float,
    background_below: float,
    low_quality_from: float | None = None,
    most: Tensor | None = None,
) -> Tensor:
    """The person that each box is trained on.

    Args:
        overlaps (Tensor): IoU (B, N, M), -1 where there is nothing to compare.
        positive_from (float): IoU at which a box becomes a person's.
        background_below (float): IoU below which it is background.
        low_quality_from (float, optional): every person also takes the boxes
            that overlap it most, from this IoU on.
        most (Tensor, optional): the largest IoU of each person, (B, M), if it
            is not that of these boxes.

    Returns:
        Tensor: index of the person, BACKGROUND or UNUSED, (B, N) int64.
    """
    best, index = overlaps.max(dim=2)
    assigned = index.masked_fill(best < positive_from, UNUSED)
    assigned = assigned.masked_fill(best < background_below, BACKGROUND)
    if low_quality_from is not None:
        # As mmdet: a box that two persons want goes to the last of them.
        most = overlaps.amax(dim=1) if most is None else most
        most = most[:, None]
        taken = (overlaps == most) & (most >= low_quality_from)
        number = torch.arange(
            1,
            overlaps.size(2) + 1,
            dtype=torch.int32,
            device=taken.device,
        )
        last = (taken * number).amax(dim=2).long()
        assigned = torch.where(last > 0, last - 1, assigned)
    return assigned


def without_ignored(
    assigned: Tensor,
    boxes: Tensor,
    batch_ignored: Sequence[InstanceData | None] | None,
    share: float,
) -> Tensor:
    """Take the background in ignored regions out of the training.

    Args:
        assigned (Tensor): see :func:`assign_by_overlap`, (B, N) int64.
        boxes (Tensor): (B, N, 4) xyxy, pixels.
        batch_ignored (Sequence, optional): regions of each of B images as
            ``bboxes`` (m, 4), or None.
        share (float): a box of which more than this share lies in one region
            is UNUSED.

    Returns:
        Tensor: (B, N) int64.
    """
    given = [
        boxes.new_zeros(0, 4) if ignored is None else ignored.bboxes
        for ignored in batch_ignored or ()
    ]
    if not any(map(len, given)):
        return assigned
    spared = lies_in(boxes, pad(given)[0], share)
    return assigned.masked_fill(spared & (assigned == BACKGROUND), UNUSED)


def sample_boxes(
    assigned: Tensor, number: int, positive_share: float
) -> tuple[Tensor, Tensor]:
    """Sample at most some number of boxes of each image.

    Args:
        assigned (Tensor): see :func:`assign_by_overlap`, (B, N) int64.
        number (int): of boxes per image.
        positive_share (float): largest share of the positives among them.

    Returns:
        tuple[Tensor, Tensor]: masks (B, N) of the positives sampled, and of
        the background that fills up.
    """
    nothing = torch.zeros_like(assigned, dtype=torch.bool)
    positives, background = _drawn_boxes(assigned, number, positive_share)
    return nothing.scatter(1, *positives), nothing.scatter(1, *background)


class SampledBoxes(NamedTuple):
    """Boxes that were sampled, image by image and in their order there; on
    the host."""

    image: Tensor  # (n,) int64
    index: Tensor  # (n,) int64, among the boxes of the image
    positive: Tensor  # (n,) bool


def sample_boxes_on_host(
    assigned: Tensor, number: int, positive_share: float
) -> SampledBoxes:
    """What :func:`sample_boxes` samples, known to the host after one wait for
    a GPU; arguments as there."""
    positives, background = _drawn_boxes(assigned, number, positive_share)
    index = torch.cat([positives[0], background[0]], dim=1)
    kind = torch.cat([2 * positives[1].long(), background[1].long()], dim=1)
    index, kind = torch.stack([index, kind]).cpu()
    images = torch.arange(len(index))[:, None].expand_as(index)
    taken = kind > 0
    places, order = (images * assigned.size(1) + index)[taken].sort()
    return SampledBoxes(
        places // assigned.size(1),
        places % assigned.size(1),
        (kind[taken] == 2)[order],
    )


def _drawn_boxes(
    assigned: Tensor, number: int, positive_share: float
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Positives and background as :func:`draw_places` gives them; arguments
    as of :func:`sample_boxes`."""
    most = int(number * positive_share)
    limit = torch.full_like(assigned[:, 0], most)
    positives = draw_places(assigned >= 0, limit, most)
    rest = number - positives[1].sum(dim=1)
    return positives, draw_places(assigned == BACKGROUND, rest, number)


def draw_places(
    mask: Tensor, number: Tensor, most: int
) -> tuple[Tensor, Tensor]:
    """Sample true places of each row of a mask, all with the same chance.

    Args:
        mask (Tensor): (B, N) bool.
        number (Tensor): at most so many of each row, (B,) int64.
        most (int): not less than any of these numbers.

    Returns:
        tuple[Tensor, Tensor]: places (B, n) int64, and which of them are
        sampled, (B, n) bool.
    """
    # The largest of random keys are a random choice without replacement.
    keys = torch.rand(mask.shape, device=mask.device)
    keys = keys.masked_fill(~mask, -1)
    most = min(most, mask.size(1))
    keys, index = keys.topk(most, dim=1)
    places = torch.arange(most, device=mask.device)
    return index, (keys >= 0) & (places < number[:, None])


def check_rules(assigner: BaseAssigner, sampler: BaseSampler) -> None:
    """Refuse rules of mmdet that the functions here do not follow.

    Raises:
        UserError: naming the option of the config.
    """
    if type(sampler) is not RandomSampler or sampler.neg_pos_ub >= 0:
        raise UserError(
            f'train_cfg: boxes are sampled for whole batches, which a '
            f'{type(sampler).__name__} with neg_pos_ub='
            f'{getattr(sampler, "neg_pos_ub", -1)} does not do: use '
            'RandomSampler with neg_pos_ub=-1'
        )
    refused = {
        'neg_iou_thr': isinstance(assigner.neg_iou_thr, tuple | list),
        'perm_repeat_gt_cfg': assigner.perm_repeat_gt_cfg is not None,
        'gt_max_assign_all': assigner.match_low_quality
        and not assigner.gt_max_assign_all,
    }
    for option, is_refused in refused.items():
        if is_refused:
            raise UserError(
                f'train_cfg: assigner.{option}='
                f'{getattr(assigner, option)} is not supported where boxes '
                'are assigned for whole batches: leave it at its default, '
                'or use the head that goes image by image'
            )


def low_quality_from(assigner: BaseAssigner) -> float | None:
    """From which IoU on a person takes the boxes that overlap it most; None
    where it does not."""
    return assigner.min_pos_iou if assigner.match_low_quality else None
