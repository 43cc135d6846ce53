"""The smallest detector that finds and embeds persons, for tests."""

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

from mmdet_ps.models.losses import NO_BOX, OIMLoss

PREPROCESSOR = dict(
    type='mmdet.DetDataPreprocessor',
    mean=[128.0] * 3,
    std=[64.0] * 3,
    pad_size_divisor=8,
)


class TinySearchDetector(BaseDetector):
    """One stride-8 convolution; embeds the middle of every given box."""

    def __init__(self, num_identities=10, data_preprocessor=PREPROCESSOR):
        super().__init__(data_preprocessor)
        self.backbone = nn.Conv2d(3, 8, 8, stride=8)
        self.objectness = nn.Conv2d(8, 1, 1)
        self.loss_reid = OIMLoss(
            num_identities=num_identities, queue_size=6, embed_dims=8
        )

    def extract_feat(self, batch_inputs):
        return (self.backbone(batch_inputs),)

    def embed(self, features, data_samples):
        rows = []
        for image, sample in zip(features, data_samples):
            x1, y1, x2, y2 = sample.gt_instances.bboxes.unbind(1)
            x = ((x1 + x2) / 16).long().clamp(0, features.shape[3] - 1)
            y = ((y1 + y2) / 16).long().clamp(0, features.shape[2] - 1)
            rows.append(image[:, y, x].t())
        return rows

    def loss(self, batch_inputs, batch_data_samples):
        (features,) = self.extract_feat(batch_inputs)
        instances = [s.gt_instances for s in batch_data_samples]
        counts = features.new_tensor([len(i) for i in instances])
        sums = self.objectness(features).sigmoid().sum((1, 2, 3))
        embeddings = torch.cat(self.embed(features, batch_data_samples))
        # Every detector mixes persons and background.
        person_ids = torch.cat([i.person_ids for i in instances])
        background = features.mean((2, 3))
        ignored = person_ids.new_full((len(background),), -2)
        images = torch.arange(len(instances))
        repeats = torch.tensor([len(i) for i in instances])
        boxes = torch.cat([torch.arange(len(i)) for i in instances])
        return dict(
            loss_cls=(sums - counts).abs().mean() / 10,
            loss_reid=self.loss_reid(
                torch.cat([embeddings, background]),
                torch.cat([person_ids, ignored]),
                torch.cat([images.repeat_interleave(repeats), images]),
                torch.cat([boxes, torch.full_like(images, NO_BOX)]),
            ),
            acc=counts.mean(),
        )

    def predict(self, batch_inputs, batch_data_samples):
        (features,) = self.extract_feat(batch_inputs)
        for sample, rows in zip(
            batch_data_samples, self.embed(features, batch_data_samples)
        ):
            bboxes = sample.gt_instances.bboxes
            sample.pred_instances = InstanceData(
                bboxes=bboxes,
                scores=bboxes.new_ones(len(bboxes)),
                labels=torch.zeros(len(bboxes), dtype=torch.long),
                embeddings=nn.functional.normalize(rows),
            )
        return batch_data_samples

    def embed_boxes(self, batch_inputs, batch_data_samples, bboxes):
        (features,) = self.extract_feat(batch_inputs)
        samples = [
            DetDataSample(gt_instances=InstanceData(bboxes=b)) for b in bboxes
        ]
        rows = self.embed(features, samples)
        return [nn.functional.normalize(r) for r in rows]

    def _forward(self, batch_inputs, batch_data_samples=None):
        return self.extract_feat(batch_inputs)


def make_sample(boxes, person_ids, source, shape=(64, 64)):
    """An image of noise (C, H, W) and its data sample."""
    seed = sum(int(v) for box in boxes for v in box) + len(source)
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(
        0, 256, (3, *shape), generator=generator, dtype=torch.uint8
    )
    sample = DetDataSample(
        metainfo=dict(
            img_shape=shape,
            ori_shape=shape,
            scale_factor=(1.0, 1.0),
            source=source,
            img_path=f'{source}.jpg',
        ),
        gt_instances=InstanceData(
            bboxes=torch.tensor(boxes, dtype=torch.float).view(-1, 4),
            labels=torch.zeros(len(boxes), dtype=torch.long),
            person_ids=torch.tensor(person_ids, dtype=torch.long),
        ),
    )
    return image, sample


def branch_batch(**branches):
    """What the loader gives for ``det=[(image, sample), ...]`` and so on."""
    total = sum(len(samples) for samples in branches.values())
    batch = dict(inputs={}, data_samples={})
    start = 0
    for name, samples in branches.items():
        padding = (start, total - start - len(samples))
        for key, index in (('inputs', 0), ('data_samples', 1)):
            batch[key][name] = (
                [None] * padding[0]
                + [sample[index] for sample in samples]
                + [None] * padding[1]
            )
        start += len(samples)
    return batch
