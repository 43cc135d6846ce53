import math

import pytest
import torch
from mmengine.logging import MessageHub

from mmdet_ps.models.alignment import (
    reversal_ramp,
    reverse_gradient,
    training_progress,
)


def test_values_pass_and_gradients_are_reversed():
    features = torch.randn(5, 3, dtype=torch.double, requires_grad=True)
    factors = torch.randn(5, 3, dtype=torch.double)
    out = reverse_gradient(features, 0.3)
    assert torch.equal(out, features)
    (out * factors).sum().backward()
    torch.testing.assert_close(features.grad, -0.3 * factors)


@pytest.mark.parametrize(
    'progress, value',
    [(0, 0.0), (0.1, 0.46211716), (0.5, 0.98661430), (1, 0.99990920)],
)
def test_ramp_follows_its_formula(progress, value):
    assert reversal_ramp(progress) == pytest.approx(value, abs=1e-7)
    # 2 / (1 + exp(-x)) - 1 = tanh(x / 2)
    assert reversal_ramp(progress) == pytest.approx(math.tanh(5 * progress))


def test_a_steepness_of_zero_is_no_ramp():
    assert reversal_ramp(0.0, steepness=0) == 1.0


def test_progress_is_read_from_the_message_hub():
    name = MessageHub.get_current_instance().instance_name
    hub = MessageHub.get_instance('progress-test')
    assert training_progress() == 1.0
    hub.update_info('iter', 30)
    hub.update_info('max_iters', 120)
    assert training_progress() == 0.25
    MessageHub.get_instance(name + '-after')
    assert training_progress() == 1.0
