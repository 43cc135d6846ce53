from types import SimpleNamespace

import pytest
from torch import nn

from mmdet_ps.engine.hooks import IdentityStateHook
from mmdet_ps.models.losses import SoftmaxIdentityLoss
from mmdet_ps.utils.pretrained_weights import format_weights, identity_keys
from tests.test_models.thin_methods import METHODS, thin_model


class Searcher(nn.Module):
    """Parts whose names say the opposite of what they are."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.matcher = SoftmaxIdentityLoss(num_identities=3, embed_dims=2)
        self.loss_of_heat = nn.Linear(2, 1)


def saved(model):
    checkpoint = dict(meta={}, state_dict=model.state_dict())
    IdentityStateHook().before_save_checkpoint(
        SimpleNamespace(model=model), checkpoint
    )
    return checkpoint


@pytest.mark.parametrize('wrapped', [False, True])
def test_identity_state_is_told_by_type(wrapped):
    model = Searcher()
    prefix = ''
    if wrapped:
        model, prefix = nn.ModuleDict(dict(detector=model)), 'detector.'
    checkpoint = saved(model)
    assert checkpoint['meta'] == dict(identity_state=[f'{prefix}matcher'])
    kept = format_weights(
        checkpoint['state_dict'], 'all', **checkpoint['meta']
    )
    assert set(kept) == {
        f'{part}.{name}'
        for part in ('backbone', 'loss_of_heat')
        for name in ('weight', 'bias')
    }


@pytest.mark.parametrize('method', METHODS)
def test_files_without_the_list_are_understood_all_the_same(method):
    checkpoint = saved(thin_model(method))
    state = checkpoint['state_dict']
    listed = identity_keys(state, checkpoint['meta']['identity_state'])
    assert listed == identity_keys(state, None)
    assert any('lookup_table' in key for key in listed)
