"""What a method logs: losses are added up, everything else is not."""

import pytest
from mmengine.registry import init_default_scope

from tests.test_models.test_waits_of_the_host import scenes
from tests.test_models.thin_methods import METHODS, thin_model


@pytest.mark.parametrize('method', METHODS)
def test_what_is_added_up_is_a_loss(method):
    init_default_scope('mmdet')
    model = thin_model(method).train()
    data = model.data_preprocessor(scenes(), training=True)
    _, log = model.parse_losses(model(**data, mode='loss'))
    for key, value in log.items():
        # mmengine adds up what has "loss" in its key.
        assert ('loss' in key) == value.requires_grad, key
