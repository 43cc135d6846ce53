"""Samplers that answer with recorded samples instead of random ones."""

from types import SimpleNamespace

import torch
from mmdet.models.task_modules.samplers import SamplingResult


class RecordedAnchors:
    """Stands for the RPN's sampler; one image after another."""

    def __init__(self, record):
        self.record = record
        self.image = 0
        self.labels = []

    def sample(self, assigned, priors, gt_instances, **kwargs):
        """The recorded anchors; the assignment is the model's own."""
        positive = self.record[f'rpn_pos_{self.image}']
        negative = self.record[f'rpn_neg_{self.image}']
        self.labels.append(assigned.gt_inds)
        self.image += 1
        return SamplingResult(
            positive,
            negative,
            priors.priors,
            gt_instances.bboxes,
            assigned,
            priors.priors.new_zeros(len(priors.priors), dtype=torch.uint8),
            avg_factor_with_neg=True,
        )


def recorded_rois(record, image, prefix='roi'):
    """One image's RoIs, persons first, as a sampler would give them."""
    boxes = record[f'{prefix}_boxes_{image}']
    person = record[f'{prefix}_labels_{image}'] > 0
    index = record[f'{prefix}_gt_index_{image}'][person]
    return SimpleNamespace(
        priors=torch.cat([boxes[person], boxes[~person]]),
        pos_priors=boxes[person],
        neg_priors=boxes[~person],
        pos_gt_bboxes=record[f'gt_boxes_{image}'][index],
        pos_gt_labels=torch.zeros_like(index),
        pos_assigned_gt_inds=index,
    )
