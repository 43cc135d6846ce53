"""A run of tools/train.py and tools/test.py that takes no time.

``CONFIG`` is a configuration file; its model is two linear layers, which it
calls backbone and head, and a loss with a memory of three persons.
"""

import sys

import torch
from mmdet.registry import DATASETS, METRICS, MODELS
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import nn

from ..test_golden.golden import load_module

CONFIG = """
default_scope = 'mmdet'
model = dict(type='ToyModel', num_identities=3, backbone=dict())
loader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    prefetch_factor=3,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyDataset'))
train_dataloader = loader
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
val_dataloader = None
test_dataloader = loader
test_cfg = dict()
test_evaluator = dict(type='ToyMetric')
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
custom_hooks = [dict(type='CheckedLoadHook')]
visualizer = dict(type='Visualizer', vis_backends=[])
"""


@MODELS.register_module()
class ToyModel(BaseModel):
    """Two layers, and a loss that keeps state of its own."""

    def __init__(self, num_identities=3, backbone=None, **kwargs):
        super().__init__(**kwargs)
        self.backbone = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)
        self.loss_reid = MODELS.build(
            dict(
                type='OIMLoss',
                embed_dims=2,
                num_identities=num_identities,
                queue_size=2,
            )
        )

    def forward(self, inputs, mode='tensor'):
        """The loss, or what the metric counts."""
        inputs = torch.stack(inputs)
        output = self.head(self.backbone(inputs)).sum()
        return dict(loss=output) if mode == 'loss' else [output]


@DATASETS.register_module()
class ToyDataset(torch.utils.data.Dataset):
    """Two equal samples."""

    metainfo = dict(classes=('person',))

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return dict(inputs=torch.ones(2))


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Counts samples."""

    def process(self, data_batch, data_samples):
        """Count a batch."""
        self.results += [1]

    def compute_metrics(self, results):
        """The number of samples."""
        return dict(count=len(results))


def call_tool(monkeypatch, path, *arguments):
    """Run the ``main`` of a tool within this process."""
    words = [path.name, *map(str, arguments)]
    monkeypatch.setattr(sys, 'argv', words)
    return load_module(path).main()
