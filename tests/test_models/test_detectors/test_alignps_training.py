"""AlignPS over several steps: alone, and spread over two processes."""

import pytest
import torch
import torch.nn.functional as F

from tests.distributed import run_distributed

from ..test_losses.test_identity_memory import SlowMemory
from ..tiny_alignps import tiny_model
from ..two_stage import batch, losses_of

STEPS = 10


def step(model, optimizer, data):
    losses = losses_of(model, data)
    total = sum(
        sum(value) if isinstance(value, list) else value
        for key, value in losses.items()
        if 'loss' in key
    )
    optimizer.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 35)
    optimizer.step()
    return total.detach(), losses


@pytest.mark.parametrize('normalize', [False, True])
def test_ten_steps_lower_the_loss_and_keep_the_memory_in_order(normalize):
    model = tiny_model(one_level=True).train()
    memory = model.bbox_head.loss_reid.memory
    memory.normalize_table = normalize
    slow = SlowMemory(memory.lookup_table, memory.queue, normalize, 64)
    seen = []
    model.bbox_head.loss_reid.register_forward_pre_hook(
        lambda _, args: seen.append([a.detach().clone() for a in args])
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    data = batch([3, -1, 7], [3, 0], [5, 5, -1])
    totals = []
    for _ in range(STEPS):
        total, _ = step(model, optimizer, data)
        totals.append(float(total))
        embeddings, ids, *_ = seen.pop()
        slow.update(F.normalize(embeddings), ids)
        torch.testing.assert_close(memory.lookup_table, slow.table)
        torch.testing.assert_close(memory.queue, slow.queue)
        assert memory.tail == slow.tail
    assert all(torch.isfinite(torch.tensor(totals)))
    assert min(totals[-3:]) < 0.8 * totals[0]


def train_on(rank, images, persons, steps=2):
    """Losses per step, parameters and memory of a model that trains on some
    images of a batch; gradients are averaged over the ranks."""
    model = tiny_model(one_level=True, backbone=dict(norm_eval=True)).train()
    if torch.distributed.is_initialized():
        wrapped = torch.nn.parallel.DistributedDataParallel(
            model, broadcast_buffers=False
        )
    else:
        wrapped = model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    per_step = []
    for seed in range(steps):
        data = batch(*persons, seed=seed)
        data = {key: [v[i] for i in images[rank]] for key, v in data.items()}
        data = model.data_preprocessor(data, True)
        losses = wrapped(**data, mode='loss')
        losses = {k: v for k, v in losses.items() if 'loss' in k}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        per_step.append({k: float(v.detach()) for k, v in losses.items()})
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    return per_step, state


@pytest.mark.parametrize(
    'images, persons',
    [
        # One rank sees no labelled person, then no person at all.
        ([[0, 1], [2, 3]], ([3, -1, 7], [3, 0], [-1], [7, 7])),
        ([[0], [1]], ([3, 3, 7], [])),
    ],
)
def test_two_processes_train_what_one_trains(images, persons):
    every = [image for part in images for image in part]
    expected, expected_state = train_on(0, [every], persons)
    ranks = run_distributed(train_on, images, persons)
    for number, losses in enumerate(expected):
        for key, value in losses.items():
            mean = sum(rank[0][number][key] for rank in ranks) / len(ranks)
            assert mean == pytest.approx(value, rel=1e-4, abs=1e-6), key
    for key, value in expected_state.items():
        for _, state in ranks:
            torch.testing.assert_close(
                torch.as_tensor(state[key]),
                torch.as_tensor(value),
                atol=2e-5,
                rtol=1e-4,
                msg=lambda text, key=key: f'{key}: {text}',
            )


def train_roi(rank, persons, steps=4):
    """Memories of a ROI-AlignPS after some distributed steps."""
    torch.manual_seed(rank)  # ranks sample other RoIs
    model = tiny_model(roi=True, one_level=True).train()
    wrapped = torch.nn.parallel.DistributedDataParallel(
        model, broadcast_buffers=False
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    for seed in range(steps):
        data = batch(persons[rank], seed=seed + 10 * rank)
        losses = wrapped(**model.data_preprocessor(data, True), mode='loss')
        total = sum(
            sum(value) if isinstance(value, list) else value
            for key, value in losses.items()
            if 'loss' in key
        )
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return {
        key: value.numpy()
        for key, value in model.state_dict().items()
        if '.memory.' in key or 'mutual' in key or 'neck' in key
    }


@pytest.mark.parametrize('persons', [([3, 4], [4, 0]), ([3], []), ([], [])])
def test_roi_alignps_in_two_processes_stays_together(persons):
    first, second = run_distributed(train_roi, persons)
    for key, value in first.items():
        torch.testing.assert_close(
            torch.as_tensor(value), torch.as_tensor(second[key])
        )
    if any(persons):
        assert first['roi_head.loss_reid.memory.lookup_table'][3].any()
