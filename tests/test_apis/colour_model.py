"""A model that can be predicted by hand: it finds bright rectangles.

A person is a connected bright area on black; its embedding is its mean
colour, scaled to unit length; its score is its brightest value over 255.
It works in the pixels of its input, so that wrong scaling shows.
"""

import cv2
import numpy as np
import torch

import mmdet_ps  # noqa: F401  isort: skip  (operators first)
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmengine.structures import InstanceData

BRIGHT = 40


@MODELS.register_module()
class ColourDetector(BaseDetector):
    """Finds bright areas; see the module."""

    def __init__(self, data_preprocessor=None):
        super().__init__(data_preprocessor=data_preprocessor)
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.unused_too = torch.nn.Parameter(torch.zeros(1))

    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        for image, sample in zip(batch_inputs, batch_data_samples):
            bright = (image.amax(0) > BRIGHT).cpu().numpy().astype(np.uint8)
            stats = cv2.connectedComponentsWithStats(bright)[2][1:, :4]
            boxes = torch.as_tensor(stats, dtype=torch.float32)
            boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
            sample.pred_instances = InstanceData(
                bboxes=boxes / self._scale(sample),
                scores=torch.tensor(
                    [self._area(image, box).max() / 255 for box in boxes]
                ).float(),
                labels=torch.zeros(len(boxes), dtype=torch.long),
                embeddings=self._embed(image, boxes),
            )
        return batch_data_samples

    def embed_boxes(self, batch_inputs, batch_data_samples, bboxes):
        return [
            self._embed(image, boxes * self._scale(sample))
            for image, sample, boxes in zip(
                batch_inputs, batch_data_samples, bboxes
            )
        ]

    @staticmethod
    def _scale(sample):
        return torch.tensor(sample.scale_factor).repeat(2).float()

    @staticmethod
    def _area(image, box):
        x1, y1, x2, y2 = box.round().int().clamp(min=0).tolist()
        return image[:, y1:y2, x1:x2]

    def _embed(self, image, boxes):
        colours = [self._area(image, box).mean((1, 2)) for box in boxes]
        colours = torch.stack(colours) if colours else torch.zeros(0, 3)
        return torch.nn.functional.normalize(colours, dim=1)

    def loss(self, batch_inputs, batch_data_samples):
        return dict(loss=self.unused.sum())

    def _forward(self, batch_inputs, batch_data_samples=None):
        return batch_inputs

    def extract_feat(self, batch_inputs):
        return batch_inputs


CONFIG = """
default_scope = 'mmdet'
model = dict(
    type='ColourDetector',
    data_preprocessor=dict(
        type='DetDataPreprocessor', pad_size_divisor=32, bgr_to_rgb=False
    ),
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(400, 240), keep_ratio=True),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id', 'img_path', 'ori_shape', 'img_shape',
                    'scale_factor',
                ),
            ),
        ]
    )
)
"""


def scene(rectangles, height=120, width=200):
    """A black BGR image with (x1, y1, x2, y2, colour) rectangles."""
    image = np.zeros((height, width, 3), np.uint8)
    for x1, y1, x2, y2, colour in rectangles:
        image[y1:y2, x1:x2] = colour
    return image
