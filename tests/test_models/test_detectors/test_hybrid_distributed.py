"""Hybrid pre-training in two processes."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from tests.distributed import run_distributed
from tests.test_models.test_detectors.test_hybrid_pretrain_detector import (
    OTHER,
    crop,
    hybrid,
    scene,
)
from tests.tiny_search_detector import branch_batch


def batch_of(rank):
    """Rank 1 has boxes in no scene, and other sources than rank 0."""
    if rank == 0:
        return branch_batch(
            det=[scene('street'), scene('square', [OTHER])],
            reid=[crop(1, 'market'), crop(7, 'campus')],
        )
    return branch_batch(
        det=[scene('square', []), scene('square', [])],
        reid=[crop(2, 'market'), crop(3, 'market')],
    )


class AsModule(torch.nn.Module):
    """``forward`` gives the sum of the losses, for the reducer of DDP."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        data = self.model.data_preprocessor(batch, training=True)
        losses = self.model.loss(data['inputs'], data['data_samples'])
        return sum(v for k, v in losses.items() if 'loss' in k)


def train(rank):
    """The state after two steps."""
    model = hybrid()
    wrapped = DistributedDataParallel(AsModule(model), broadcast_buffers=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    # The sampler gives all ranks the same branches: first both, then one.
    person_id = 4 + rank
    for batch in (
        batch_of(rank),
        branch_batch(reid=[crop(person_id, 'campus')]),
    ):
        optimizer.zero_grad()
        # The reducer waits for every parameter of every rank.
        wrapped(batch).backward()
        optimizer.step()
    return {k: v.clone() for k, v in model.state_dict().items()}


@pytest.mark.slow
def test_ranks_end_with_the_same_state():
    first, second = run_distributed(train)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
    filled = {
        key.split('.')[2]: value.tolist()
        for key, value in first.items()
        if key.endswith('queue.filled')
    }
    assert filled['det_image_backbone'] == [1, 3]
    assert filled['reid_image_backbone'] == [3, 3]
    # Rank 1 had no box in its scenes.
    assert filled['det_instance_loss_reid'] == [2, 1]
