"""Every method on a simulated GPU: nothing mixed, few waits of the host."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

from tests.device_simulation import SimulatedDevice
from tests.test_models.test_detectors import test_hybrid_with_every_detector
from tests.test_models.thin_methods import METHODS, thin_model
from tests.tiny_search_detector import make_sample

# The most waits of this package's own code in a training step of two images;
# those of MMDetection come on top.
BUDGET = {
    'oim': 4,
    'nae': 4,
    'bsl': 6,
    'seqnet': 4,
    'coat': 7,
    'seqnext': 16,
    'alignps': 5,
    'roi-alignps': 10,
}
HYBRID_BUDGET = {'nae-r18-c4': 8, 'bsl-r18-c4': 12, 'r18': 20}
PERSONS = [[10, 10, 40, 80], [70, 20, 100, 90]]


def scenes():
    samples = [
        make_sample(PERSONS, [3, 5], 'street', (96, 128)),
        make_sample(PERSONS[:1], [-1], 'street', (96, 128)),
    ]
    return dict(
        inputs=[image for image, _ in samples],
        data_samples=[sample for _, sample in samples],
    )


def two_steps(model, batch, device=None):
    """Log of the second step, and the waits in it."""
    model.to('cpu' if device is None else 'cuda')
    step = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    torch.manual_seed(0)
    model.train_step(batch(), step)
    if device is not None:
        device.waits.clear()
    return model.train_step(batch(), step)


def own_waits(device):
    """Waits of this package, those of the operators left out: they stand in
    for mmcv's, which wait as well (for the boxes that an NMS keeps)."""
    return sum(
        number
        for (package, place), number in device.waits.items()
        if package == 'mmdet_ps' and not place.startswith('mmdet_ps/ops/')
    )


@pytest.mark.slow
@pytest.mark.parametrize('method', METHODS)
def test_methods_train_and_test_on_a_gpu(method):
    init_default_scope('mmdet')
    expected = two_steps(thin_model(method).train(), scenes)
    model = thin_model(method).train()
    with SimulatedDevice() as device:
        log = two_steps(model, scenes, device)
        assert all(value.is_cuda for value in log.values())
        waits = own_waits(device)
        places = device.waits.copy()
        model.eval()
        with torch.no_grad():
            results = model.test_step(scenes())
        assert all(r.pred_instances.bboxes.is_cuda for r in results)
    assert waits <= BUDGET[method], places
    for key, value in expected.items():
        torch.testing.assert_close(log[key], value, msg=key)


@pytest.mark.slow
@pytest.mark.parametrize(
    'path',
    test_hybrid_with_every_detector.CONFIGS,
    ids=lambda path: path.stem,
)
def test_hybrid_pretraining_trains_on_a_gpu(path):
    model = test_hybrid_with_every_detector.build(path).train()
    full = test_hybrid_with_every_detector.batches
    with SimulatedDevice() as device:
        log = two_steps(model, lambda: full()[0], device)
        assert all(value.is_cuda for value in log.values())
    budget = HYBRID_BUDGET[path.stem.split('_')[1]]
    assert own_waits(device) <= budget, device.waits
