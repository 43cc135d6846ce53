"""What only a GPU can show; without one these tests are skipped.

On a machine with one, ``python -m pytest tests/test_gpu.py`` takes about a
minute and says whether training and testing there do what they do on a CPU.
"""

import warnings

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import init_default_scope

from mmdet_ps.ops import deform_conv2d
from tests.test_models.test_detectors import test_hybrid_with_every_detector
from tests.test_models.test_waits_of_the_host import scenes
from tests.test_models.thin_methods import METHODS, thin_model
from tests.test_ops.test_deform_conv import random_case

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='no GPU is there'
)


@pytest.fixture(autouse=True)
def exact_and_alike(monkeypatch):
    """Float32 as on a CPU, and random samples drawn by the CPU."""
    init_default_scope('mmdet')
    monkeypatch.setattr(torch.backends.cuda.matmul, 'allow_tf32', False)
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)
    for name in ('rand', 'randperm'):
        draw = getattr(torch, name)

        def drawn_by_the_cpu(*args, draw=draw, device=None, **options):
            return draw(*args, **options).to(device or 'cpu')

        monkeypatch.setattr(torch, name, drawn_by_the_cpu)


def steps(model, batch, device, wrapper=OptimWrapper, number=2, **options):
    """Logs of some training steps."""
    model.to(device)
    step = wrapper(
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-3), **options
    )
    torch.manual_seed(0)
    return [model.train_step(batch(), step) for _ in range(number)]


def hybrid_batch():
    return test_hybrid_with_every_detector.batches()[0]


def cases():
    """Name, how to build the model, and a batch."""
    for method in METHODS:
        yield pytest.param(
            lambda method=method: thin_model(method).train(),
            scenes,
            id=method,
        )
    for path in test_hybrid_with_every_detector.CONFIGS:
        yield pytest.param(
            lambda path=path: test_hybrid_with_every_detector.build(
                path
            ).train(),
            hybrid_batch,
            id=path.stem.split('_')[1],
        )


@pytest.mark.parametrize(('build', 'batch'), cases())
def test_training_steps_have_the_losses_of_a_cpu(build, batch):
    expected = steps(build(), batch, 'cpu')
    found = steps(build(), batch, 'cuda')
    for step, (ours, theirs) in enumerate(zip(found, expected)):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert ours[key].is_cuda
            # By rounding, a RoI or two may change sides.
            atol = 4.0 if 'acc' in key else 1e-3
            torch.testing.assert_close(
                ours[key].cpu(),
                value,
                rtol=2e-3 * (1 + step),
                atol=atol,
                msg=lambda text, at=f'step {step}, {key}': f'{at}: {text}',
            )


@pytest.mark.parametrize('method', METHODS)
def test_answers_are_those_of_a_cpu(method):
    def answers(device):
        model = thin_model(method).to(device).eval()
        with torch.no_grad():
            return model.test_step(scenes())

    for ours, theirs in zip(answers('cuda'), answers('cpu')):
        found, expected = ours.pred_instances.cpu(), theirs.pred_instances
        assert len(found) == len(expected)
        for key in ('scores', 'bboxes', 'embeddings'):
            torch.testing.assert_close(
                found[key], expected[key], rtol=1e-3, atol=1e-2
            )


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
@pytest.mark.parametrize(('build', 'batch'), cases())
def test_mixed_precision_comes_near(build, batch, dtype):
    (expected,) = steps(build(), batch, 'cuda', number=1)
    model = build()
    options = dict(dtype=dtype, loss_scale=256.0)
    (found,) = steps(
        model, batch, 'cuda', AmpOptimWrapper, number=1, **options
    )
    assert all(torch.isfinite(p).all() for p in model.parameters())
    total, reference = float(found['loss']), float(expected['loss'])
    assert total == pytest.approx(reference, rel=0.1)


@pytest.mark.parametrize('method', METHODS)
def test_few_waits_of_the_host(method):
    model = thin_model(method).train()
    steps(model, scenes, 'cuda')
    step = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    batch = model.data_preprocessor(scenes(), training=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            losses = model(**batch, mode='loss')
            step.update_params(model.parse_losses(losses)[0])
        finally:
            torch.cuda.set_sync_debug_mode('default')
    waits = [w for w in caught if 'synchroniz' in str(w.message)]
    ours = [w for w in waits if 'mmdet_ps' in w.filename]
    print(f'{method}: {len(waits)} waits, {len(ours)} in this package')
    # Those of ROI-AlignPS's three heads; the simulated device counts fewer.
    assert len(ours) <= 80


@pytest.mark.parametrize('modulated', [True, False])
def test_deformable_convolution(modulated):
    inputs, shape = random_case(0, modulated, batch=3, image=(17, 23))

    def outcome(device):
        leaves = {
            name: None
            if value is None
            else value.to(device, copy=True).requires_grad_()
            for name, value in inputs.items()
        }
        output = deform_conv2d(**leaves, **shape)
        output.square().sum().backward()
        leaves = [leaf for leaf in leaves.values() if leaf is not None]
        return [output, *(leaf.grad for leaf in leaves)]

    for ours, theirs in zip(outcome('cuda'), outcome('cpu')):
        torch.testing.assert_close(ours.cpu(), theirs)
