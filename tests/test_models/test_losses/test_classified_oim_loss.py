import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import ClassifiedOIMLoss, OIMLoss

SIZES = dict(num_identities=5, queue_size=3, embed_dims=4)


def losses(**options):
    torch.manual_seed(0)
    mine = ClassifiedOIMLoss(**SIZES, **options)
    plain = OIMLoss(**SIZES, loss_weight=options.get('loss_weight', 1.0))
    plain.memory.load_state_dict(mine.memory.state_dict())
    return mine, plain


def test_the_classifier_adds_the_cross_entropy_of_the_labelled():
    mine, plain = losses(classifier_weight=0.25, loss_weight=0.5)
    embeddings = torch.randn(5, 4)
    ids = torch.tensor([2, -1, -2, 4, 2])
    persons = [0, 1, 3, 4]  # the batch norm sees the stranger, too
    rows = F.normalize(embeddings[persons])
    rows = (rows - rows.mean(0)) / (rows.var(0, unbiased=False) + 1e-5).sqrt()
    logits = 1.5 * rows @ mine.classifier.weight.t()
    entropy = F.cross_entropy(logits[[0, 2, 3]], torch.tensor([2, 4, 2]))
    torch.nn.init.constant_(mine.norm.weight, 1.5)
    expected = plain(embeddings, ids) + 0.25 * entropy
    torch.testing.assert_close(mine(embeddings, ids), expected)
    assert torch.equal(mine.memory.lookup_table, plain.memory.lookup_table)


@pytest.mark.parametrize('ids', [[], [-1, -1], [-2]])
def test_nothing_to_learn_is_a_zero_with_gradients(ids):
    mine, _ = losses()
    embeddings = torch.randn(len(ids), 4, requires_grad=True)
    value = mine(embeddings, torch.tensor(ids, dtype=torch.long))
    assert value == 0
    value.backward()
    for name, parameter in mine.named_parameters():
        assert parameter.grad.abs().sum() == 0, name


def test_the_norm_has_no_shift():
    mine, _ = losses()
    assert [name for name, _ in mine.named_parameters()] == [
        'norm.weight',
        'classifier.weight',
    ]
