"""Fewer images than a batch: said before the training, not after it."""

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import TensorDataset

from mmdet_ps.engine.hooks import EnoughDataHook
from mmdet_ps.utils.errors import UserError


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        return dict(loss=self.layer(inputs).sum())


def train(folder, images, loop, sampler):
    runner = Runner(
        Model(),
        str(folder),
        train_dataloader=dict(
            dataset=TensorDataset(torch.ones(images, 1)),
            sampler=sampler,
            batch_size=4,
            drop_last=True,
            collate_fn=dict(type='default_collate'),
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        train_cfg=loop,
        custom_hooks=[EnoughDataHook()],
        default_scope='mmengine',
        experiment_name=f'enough_{folder.name}',
    )
    runner.train()
    return runner.iter


EPOCHS = dict(by_epoch=True, max_epochs=2)
STEPS = dict(type='IterBasedTrainLoop', max_iters=3)
IN_TURN = dict(type='DefaultSampler', shuffle=False)


def test_a_batch_that_cannot_be_filled_is_an_error(tmp_path):
    with pytest.raises(UserError, match='has 3 images, and a batch takes 4'):
        train(tmp_path, 3, EPOCHS, IN_TURN)
    assert not list(tmp_path.rglob('*.pth'))


def test_one_batch_is_enough(tmp_path):
    assert train(tmp_path, 4, EPOCHS, IN_TURN) == 2


def test_a_sampler_without_end_fills_batches_of_few_images(tmp_path):
    assert train(tmp_path, 3, STEPS, dict(type='InfiniteSampler')) == 3
