"""Two processes compute what one computes on the joined batch."""

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from mmdet_ps.models.losses import (
    MutualInformationLoss,
    OIMLoss,
    SoftmaxIdentityLoss,
)
from mmdet_ps.models.losses.distributed import (
    all_gather_live_rows,
    all_gather_rows,
)
from tests.distributed import run_distributed

STEPS = 2


def batches(step):
    """Embeddings and ids of two ranks; in step 1 rank 1 has nobody."""
    generator = torch.Generator().manual_seed(step)
    split = 5 if step == 0 else 8
    embeddings = F.normalize(torch.randn(8, 6, generator=generator))
    ids = torch.tensor([0, 2, -1, 2, -2, 2, -1, 1])
    return [
        (embeddings[:split], ids[:split]),
        (embeddings[split:], ids[split:]),
    ]


def run(loss, pick):
    """Loss, gradient of a shared factor and memory after the steps."""
    factor = torch.ones(6, requires_grad=True)
    values = []
    for step in range(STEPS):
        embeddings, ids = pick(batches(step))
        value = loss(embeddings * factor, ids)
        value.backward()
        values.append(value.detach())
    state = {k: v.numpy() for k, v in loss.state_dict().items()}
    return torch.stack(values).numpy(), factor.grad.numpy(), state


def make_loss(options):
    if options is None:
        torch.manual_seed(0)
        return SoftmaxIdentityLoss(3, 6)
    return OIMLoss(3, 4, 6, temperature=10, gamma=2, **options)


def in_process(rank, options):
    return run(make_loss(options), lambda parts: parts[rank])


def joined(parts):
    return tuple(torch.cat(part) for part in zip(*parts))


@pytest.mark.parametrize(
    'options',
    [
        dict(reduction='positives'),
        dict(reduction='labelled', memory=dict(normalize_table=True)),
        pytest.param(None, id='softmax'),
    ],
)
def test_identity_losses_and_their_state(options):
    values, gradient, state = run(make_loss(options), joined)
    ranks = run_distributed(in_process, options)
    for name, expected in state.items():
        for _, _, other in ranks:
            torch.testing.assert_close(
                torch.as_tensor(other[name]), torch.as_tensor(expected)
            )
    mean = sum(torch.as_tensor(rank[0]) for rank in ranks) / 2
    torch.testing.assert_close(mean, torch.as_tensor(values))
    mean = sum(torch.as_tensor(rank[1]) for rank in ranks) / 2
    torch.testing.assert_close(mean, torch.as_tensor(gradient))


def run_mutual_information(pick):
    """Loss and gradients on one rank's part of two branches."""
    torch.manual_seed(0)
    loss = MutualInformationLoss(6, 8, feature_probability=1.0)
    factor = torch.ones(6, requires_grad=True)
    torch.manual_seed(5)  # of rank 0: the seed it draws is the one used
    if dist.is_initialized():
        torch.manual_seed(5 + dist.get_rank())
    first, second = (pick(batches(step)) for step in range(STEPS))
    value = loss(
        (first[0] * factor, first[1]), (second[0] * factor, second[1])
    )
    value.backward()
    grads = [factor.grad, *(p.grad for p in loss.parameters())]
    return value.detach().numpy(), [g.numpy() for g in grads]


def mutual_information_in_process(rank):
    return run_mutual_information(lambda parts: parts[rank])


def test_mutual_information():
    value, grads = run_mutual_information(joined)
    ranks = run_distributed(mutual_information_in_process)
    for other, _ in ranks:
        torch.testing.assert_close(
            torch.as_tensor(other), torch.as_tensor(value)
        )
    for expected, *parts in zip(grads, *(rank[1] for rank in ranks)):
        mean = sum(map(torch.as_tensor, parts)) / len(parts)
        torch.testing.assert_close(mean, torch.as_tensor(expected))


def gather_as_nccl(rank, numbers):
    """Rows of all ranks, where nobody may exchange an empty tensor."""
    exchange = dist.all_gather

    def all_gather(tensors, tensor, *args, **kwargs):
        assert tensor.numel(), 'NCCL refuses empty tensors'
        return exchange(tensors, tensor, *args, **kwargs)

    dist.all_gather = all_gather
    rows = torch.full((numbers[rank], 2), float(rank), requires_grad=True)
    return [
        gather(rows).detach().numpy()
        for gather in (all_gather_rows, all_gather_live_rows)
    ]


@pytest.mark.parametrize('numbers', [(2, 0), (0, 1), (0, 0)])
def test_ranks_without_rows_exchange_nothing_empty(numbers):
    expected = [float(r) for r in range(2) for _ in range(numbers[r])]
    for gathered in run_distributed(gather_as_nccl, numbers):
        for rows in gathered:
            assert rows.shape == (sum(numbers), 2)
            assert rows[:, 0].tolist() == expected
