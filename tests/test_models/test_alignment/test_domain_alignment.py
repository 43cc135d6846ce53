import math

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.alignment import DomainAlignment, reverse_gradient
from tests.distributed import run_distributed


def alignment(seed=0, **options):
    torch.manual_seed(seed)
    return DomainAlignment(6, 2, weight=0.4, ramp=0, **options).double()


def batch(sources, requires_grad=True):
    sources = torch.tensor(sources, dtype=torch.long)
    generator = torch.Generator().manual_seed(len(sources))
    features = torch.randn(
        len(sources), 6, dtype=torch.double, generator=generator
    )
    return features.requires_grad_(requires_grad), sources


def test_without_queue_it_is_the_ordinary_gradient_reversal():
    module = alignment()
    features, sources = batch([0, 0, 1, 1])
    loss, _ = module(features, sources)
    loss.backward()
    reference = features.detach().clone().requires_grad_()
    classifier = alignment().domain_classifier
    expected = F.cross_entropy(
        classifier(reverse_gradient(reference, 0.4)), sources
    )
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(features.grad, reference.grad)
    for ours, theirs in zip(
        module.domain_classifier.parameters(), classifier.parameters()
    ):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_rare_sources_count_as_much_as_frequent_ones():
    module = alignment()
    features, sources = batch([0, 0, 0, 1])
    loss, accuracy = module(features, sources)
    logits = module.domain_classifier(features)
    losses = F.cross_entropy(logits, sources, reduction='none')
    expected = (losses[:3].mean() + losses[3]) / 2
    torch.testing.assert_close(loss, expected)
    hits = (logits.argmax(1) == sources).double()
    assert accuracy == pytest.approx(float((hits[:3].mean() + hits[3]) / 2))


def test_a_batch_of_one_source_is_contrasted_with_the_queue():
    module = alignment(queue_size=5)
    first, first_sources = batch([0, 1, 1])
    module(first, first_sources)
    second, second_sources = batch([0, 0])
    loss, _ = module(second, second_sources)
    loss.backward()

    # Of the queue only the source that the batch lacks.
    reference = second.detach().clone().requires_grad_()
    classifier = alignment(queue_size=5).domain_classifier
    everything = torch.cat([first[1:].detach(), reference.detach()])
    losses = F.cross_entropy(
        classifier(everything), torch.tensor([1, 1, 0, 0]), reduction='none'
    )
    expected = losses.mean()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for ours, theirs in zip(
        module.domain_classifier.parameters(), classifier.parameters()
    ):
        torch.testing.assert_close(ours.grad, theirs.grad)
    F.cross_entropy(classifier(reference), second_sources).backward()
    torch.testing.assert_close(second.grad, -0.4 * reference.grad)
    assert first.grad is None


def test_a_batch_of_all_sources_is_aligned_as_without_a_queue():
    module, plain = alignment(queue_size=5), alignment()
    module(*batch([1, 1, 0]))
    (ours, sources), (theirs, _) = batch([0, 0, 1]), batch([0, 0, 1])
    loss, expected = module(ours, sources)[0], plain(theirs, sources)[0]
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_accuracy_is_a_mean_of_recent_recalls():
    module = alignment()
    # It says source 1 where the first number is larger than the second.
    first, last = module.domain_classifier.layers[1::2]
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        first.weight[0, :2] = torch.tensor([1.0, -1.0])
        last.weight[1, 0], last.bias[1] = 1.0, -0.1
    says_0, says_1 = torch.eye(6)[1], torch.eye(6)[0]
    rows = torch.stack([says_0, says_1, says_1, says_1]).double()
    _, accuracy = module(rows, torch.tensor([0, 0, 1, 1]))
    assert accuracy == pytest.approx((0.5 + 1) / 2)
    # A batch of one source moves that source's recall alone.
    _, accuracy = module(rows, torch.tensor([1, 1, 1, 1]))
    assert accuracy == pytest.approx((0.5 + (0.9 * 1 + 0.1 * 0.75)) / 2)
    _, accuracy = module(rows[:0], torch.tensor([], dtype=torch.long))
    assert accuracy is None
    # Rows of no source are neither right nor wrong.
    _, accuracy = module(rows, torch.tensor([-1, -1, -1, -1]))
    assert accuracy == pytest.approx((0.5 + 0.975) / 2)


def test_rows_of_no_source_change_nothing():
    rows = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    results = []
    for kept in (slice(0, 3), slice(None)):
        module = alignment(queue_size=3)
        features = rows[kept].double().requires_grad_()
        sources = torch.tensor([0, 1, 1, -1, -1])[kept]
        loss, accuracy = module(features, sources)
        loss.backward()
        results.append(
            (loss, accuracy, features.grad[:3], dict(module.named_buffers()))
        )
    torch.testing.assert_close(*results)


@pytest.mark.parametrize('queue_size', [0, 3])
def test_no_rows_give_a_zero_that_reaches_the_classifier(queue_size):
    module = alignment(queue_size=queue_size)
    loss, accuracy = module(*module.no_rows())
    loss.backward()
    assert loss == 0 and accuracy is None
    for parameter in module.parameters():
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))


def test_wrong_channels_name_the_option():
    with pytest.raises(ValueError, match='in_channels=6'):
        alignment()(torch.zeros(1, 5), torch.zeros(1, dtype=torch.long))


def train_toy(weight):
    """Two sources shifted against each other, seen through one layer."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(8, 8)
    torch.nn.init.eye_(layer.weight)
    module = DomainAlignment(
        8, 2, weight=weight, ramp=0, queue_size=64, hidden_channels=32
    )
    optimizer = torch.optim.Adam(
        [*layer.parameters(), *module.parameters()], lr=5e-3
    )
    shift = torch.zeros(8)
    shift[0] = 4.0
    accuracies = []
    for step in range(300):
        # Every batch holds one source only.
        sources = torch.full((32,), step % 2)
        features = torch.randn(32, 8) + shift * (step % 2)
        # Task: keep what does not tell the sources apart.
        out = layer(features)
        task = F.mse_loss(out[:, 1:], features[:, 1:])
        loss, accuracy = module(out, sources)
        optimizer.zero_grad()
        (loss + task).backward()
        optimizer.step()
        accuracies.append(float(accuracy))
    return sum(accuracies[-50:]) / 50, float(loss.detach())


def test_the_classifiers_accuracy_approaches_chance():
    accuracy_without, _ = train_toy(weight=0.0)
    accuracy, loss = train_toy(weight=1.0)
    assert accuracy_without > 0.9
    assert accuracy < 0.65
    assert loss == pytest.approx(math.log(2), abs=0.2)


PARTS = ([0, 0, 1, 0], [1, 0]), ([0, 1, 0], []), ([0, 0], [0])


def run(pick):
    """Losses, gradients and state after batches that ranks share unevenly."""
    module = alignment(queue_size=3)
    factor = torch.ones(6, dtype=torch.double, requires_grad=True)
    losses = []
    for seed, parts in enumerate(PARTS):
        torch.manual_seed(seed)
        rows = [torch.randn(len(p), 6, dtype=torch.double) for p in parts]
        features, sources = pick(
            [(r, torch.tensor(p).long()) for r, p in zip(rows, parts)]
        )
        loss, _ = module(features * factor, sources)
        loss.backward()
        losses.append(loss.detach())
    gradients = [factor.grad, *(p.grad for p in module.parameters())]
    return (
        [x.numpy() for x in losses],
        [x.numpy() for x in gradients],
        {k: v.numpy() for k, v in module.state_dict().items()},
    )


def in_process(rank):
    return run(lambda parts: parts[rank])


def test_two_processes_compute_what_one_computes():
    losses, gradients, state = run(
        lambda parts: tuple(torch.cat(part) for part in zip(*parts))
    )
    ranks = run_distributed(in_process)
    for other_losses, _, other_state in ranks:
        for expected, value in zip(losses, other_losses):
            assert value == pytest.approx(expected)
        for key, value in state.items():
            assert other_state[key] == pytest.approx(value), key
    for expected, *parts in zip(gradients, *(rank[1] for rank in ranks)):
        assert sum(parts) / len(parts) == pytest.approx(expected)
