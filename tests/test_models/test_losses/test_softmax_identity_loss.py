import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import SoftmaxIdentityLoss
from mmdet_ps.utils.errors import UserError


@pytest.fixture
def loss():
    torch.manual_seed(0)
    return SoftmaxIdentityLoss(num_identities=5, embed_dims=4, loss_weight=0.5)


def test_cross_entropy_of_the_labelled(loss):
    embeddings = torch.randn(4, 4)
    expected = F.cross_entropy(
        embeddings[[0, 3]] @ loss.classifier.weight.t(), torch.tensor([2, 4])
    )
    actual = loss(embeddings, torch.tensor([2, -1, -2, 4]))
    torch.testing.assert_close(actual, 0.5 * expected)


@pytest.mark.parametrize('ids', [[], [-1, -1], [-2]])
def test_nothing_to_learn_is_a_zero_with_gradients(loss, ids):
    embeddings = torch.randn(len(ids), 4, requires_grad=True)
    value = loss(embeddings, torch.tensor(ids, dtype=torch.long))
    assert value == 0
    value.backward()
    assert loss.classifier.weight.grad.abs().sum() == 0
    assert loss.accuracy is None


def test_an_identity_beyond_the_classes_is_refused(loss):
    with pytest.raises(UserError, match='person id 5 .*holds 5 identities'):
        loss(torch.randn(2, 4), torch.tensor([5, -1]))


def test_accuracy_is_of_the_labelled_rows(loss):
    with torch.no_grad():
        loss.classifier.weight.copy_(torch.eye(5, 4))
    loss(torch.eye(4)[[0, 1, 2]], torch.tensor([0, 3, -1]))
    assert loss.accuracy == 50


def test_unit_vectors_and_scale():
    loss = SoftmaxIdentityLoss(3, 4, normalize_embeddings=True, scale=7.0)
    embeddings = torch.randn(2, 4)
    ids = torch.tensor([0, 2])
    torch.testing.assert_close(
        loss(embeddings, ids), loss(100 * embeddings, ids)
    )
    expected = F.cross_entropy(
        7 * F.normalize(embeddings) @ loss.classifier.weight.t(), ids
    )
    torch.testing.assert_close(loss(embeddings, ids), expected)
