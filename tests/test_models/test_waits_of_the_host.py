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
# those of MMDetection come on top, and none of ours grows with the number of
# images. What is left decides how many rows there are: which proposals are
# large enough, which persons the identity loss is given, which RoIs of persons
# re-identification trains on (BSL), which pictures of a memory are compared
# (SeqNeXt), which locations and RoIs train (AlignPS, ROI-AlignPS, which is two
# detectors on one backbone). Boxes are looked at before they are moved.
BUDGET = {
    'oim': 2,
    'nae': 2,
    'bsl': 3,
    'seqnet': 2,
    'coat': 3,
    'seqnext': 4,
    'alignps': 2,
    'roi-alignps': 5,
}
# A pre-training sends scenes and crops through the detector one after the
# other, and waits in both as often as the detector does.
HYBRID_BUDGET = {
    'nae-r18-c4': 2 * BUDGET['nae'],
    'bsl-r18-c4': 2 * BUDGET['bsl'],
    'r18': 2 * BUDGET['roi-alignps'],
}
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
        # A CPU lays maps out in another way, which rounds differently.
        torch.testing.assert_close(
            log[key], value, rtol=1e-4, atol=1e-5, msg=key
        )


@pytest.mark.slow
@pytest.mark.parametrize('method', ['bsl', 'seqnext'])
def test_more_images_do_not_wait_more_often(method):
    def six_scenes():
        batches = [scenes() for _ in range(3)]
        return {
            key: [value for batch in batches for value in batch[key]]
            for key in batches[0]
        }

    init_default_scope('mmdet')
    with SimulatedDevice() as device:
        two_steps(thin_model(method).train(), six_scenes, device)
    assert own_waits(device) <= BUDGET[method], device.waits


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
