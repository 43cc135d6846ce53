"""Every method predicts the same with its norms folded."""

import copy

import pytest
import torch

from mmdet_ps.utils.prediction import prepare_for_prediction
from tests.test_models.thin_methods import METHODS, thin_model
from tests.test_models.two_stage import batch


def trained_a_little(method):
    """A thin model whose norms have seen pictures."""
    model = thin_model(method).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
    data = model.data_preprocessor(batch([0, 1, 2], [3], size=(96, 128)))
    with torch.no_grad():
        for _ in range(20):
            model.extract_feat(data['inputs'])
            model(**copy.deepcopy(data), mode='loss')
    for part in (model, getattr(model, 'roi_head', None)):
        cfg = getattr(part, 'test_cfg', None)
        while cfg:
            cfg['score_thr'] = -1.0
            cfg = cfg.get('first')
    return model.eval()


@pytest.mark.parametrize('method', METHODS)
def test_predictions_and_weights_are_the_same(method):
    plain = trained_a_little(method)
    folded = copy.deepcopy(plain)
    prepare_for_prediction(folded)
    found = []
    for model in (plain, folded):
        data = model.data_preprocessor(batch([1, 2], size=(96, 128), seed=4))
        with torch.inference_mode():
            samples = model(**data, mode='predict')
        found.append(samples[0].pred_instances)
    expected, found = found
    assert len(expected) > 3
    for name in expected.keys():  # noqa: SIM118
        torch.testing.assert_close(
            found[name].float(), expected[name].float(), rtol=1e-5, atol=1e-4
        )
    state = folded.state_dict()
    for name, value in plain.state_dict().items():
        assert torch.equal(state[name], value)
