"""Models as ONNX files answer as they do in PyTorch."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmdet_ps.apis import detect, embed_boxes, init_model, onnx_model
from mmdet_ps.apis.gallery_index import model_mark
from mmdet_ps.export.deform_sampling import plain_deform_convs, sampled_conv
from mmdet_ps.export.onnx_file import exportable, write_onnx
from mmdet_ps.utils.errors import UserError

CONFIGS = Path(__file__).parents[2] / 'configs/synthetic'
SIZES = [(160, 240), (203, 333), (97, 150)]


def picture(size, seed=0):
    """Smooth noise (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    return cv2.GaussianBlur(image, (9, 9), 0)


@pytest.fixture(scope='module', params=['nae', 'seqnet', 'alignps'])
def exported(request, tmp_path_factory):
    """(model of PyTorch, the same out of an ONNX file, the file)."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    torch.manual_seed(0)
    (config,) = CONFIGS.glob(f'{request.param}_r18*_prw.py')
    model = init_model(config)
    calibrate(model)
    cfg = model.test_cfg.get('rcnn', model.test_cfg)
    for part in (cfg, cfg.get('first')):
        if part is not None:
            part.score_thr = 0.0  # of a random start
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    write_onnx(model, path)
    return model, init_model(path), path


def calibrate(model):
    """Statistics of the norms as of pictures, as after a training."""
    norms = [m for m in model.modules() if hasattr(m, 'running_mean')]
    for norm in norms:
        norm.train()
        norm.momentum = None
    with torch.no_grad():
        for seed in range(3):
            detect(model, picture((160, 240), seed), resize=False)
    for norm in norms:
        norm.eval()


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('resize', [False, True])
def test_boxes_scores_and_embeddings_are_equal(exported, size, resize):
    model, other, _ = exported
    image = picture(size, seed=5)
    wanted = detect(model, image, resize)
    found = detect(other, image, resize)
    assert len(wanted.scores) > 3
    # Weights that were never trained throw boxes far, and their rounding with
    # them: a hundredth of a pixel.
    for name, error in dict(bboxes=1e-2, scores=1e-3, embeddings=1e-3).items():
        assert getattr(found, name) == pytest.approx(
            getattr(wanted, name), abs=error
        ), name


def test_a_picture_without_persons_gives_no_rows(exported):
    _, other, _ = exported
    found = detect(other, picture((160, 240)), score_thr=2)
    assert found.bboxes.shape == (0, 4) and not len(found.scores)


def test_given_boxes_get_the_embedding_of_the_best_detection(exported):
    _, other, _ = exported
    image = picture((160, 240), seed=5)
    found = detect(other, image)
    rows = np.argsort((found.bboxes[:, 2:] - found.bboxes[:, :2]).min(1))[-2:]
    vectors = embed_boxes(other, image, found.bboxes[rows] + 0.01)
    assert vectors == pytest.approx(found.embeddings[rows])
    assert embed_boxes(other, image, []).shape == (0, vectors.shape[1])


def test_a_gallery_tells_it_from_the_model(exported):
    model, other, _ = exported
    marks = {model_mark(m, t) for m in (model, other) for t in (0.3, 0.5)}
    assert len(marks) == 4


def test_what_is_no_exported_model_is_refused(exported, tmp_path):
    path = exported[2]
    for name, content in (
        ('cut.onnx', path.read_bytes()[:1000]),
        ('page.onnx', b'<html>'),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f'{name} is no model of'):
            init_model(tmp_path / name)
    with pytest.raises(FileNotFoundError, match='x.onnx is not there'):
        init_model(tmp_path / 'x.onnx')


def test_the_command_writes_what_search_reads(tmp_path, monkeypatch, capsys):
    pytest.importorskip('onnxruntime')
    config = next(CONFIGS.glob('oim_r18*_prw.py'))
    torch.save(init_model(config).state_dict(), tmp_path / 'weights.pth')
    tool = runpy.run_path(str(CONFIGS.parents[1] / 'tools/export_onnx.py'))
    out = tmp_path / 'new/model.onnx'
    command = ['export', config, tmp_path / 'weights.pth', out]
    monkeypatch.setattr(sys, 'argv', [str(word) for word in command])
    tool['main']()
    assert str(out) in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ['model.onnx']
    detect(init_model(out), picture((96, 128)))


def test_other_methods_are_refused():
    model = init_model(next(CONFIGS.glob('bsl_r18*_prw.py')))
    with pytest.raises(UserError, match='there are OIM, NAE, SeqNet'):
        exportable(model)


@pytest.mark.parametrize(('stride', 'dilation'), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize('with_mask', [False, True])
def test_deformable_convolution_equals_torchvisions(
    stride, dilation, with_mask
):
    from torchvision.ops import deform_conv2d

    generator = torch.Generator().manual_seed(0)

    def noise(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x, weight, bias = noise(2, 3, 9, 11), noise(4, 3, 3, 3), noise(4)
    padding = dilation
    height = (9 + 2 * padding - 2 * dilation - 1) // stride + 1
    width = (11 + 2 * padding - 2 * dilation - 1) // stride + 1
    offset = 3 * noise(2, 18, height, width)
    mask = noise(2, 9, height, width).sigmoid() if with_mask else None
    wanted = deform_conv2d(
        x, offset, weight, bias, stride, padding, dilation, mask
    )
    found = sampled_conv(
        x, offset, mask, weight, bias, stride, padding, dilation
    )
    assert torch.allclose(found, wanted, atol=1e-10)


def test_layers_are_as_before_after_an_export():
    model = init_model(next(CONFIGS.glob('alignps_r18*_prw.py')))
    image = picture((96, 128))
    before = detect(model, image)
    with plain_deform_convs(model):
        pass
    after = detect(model, image)
    assert np.array_equal(before.scores, after.scores)
    assert not any('forward' in vars(m) for m in model.modules())


def test_a_gpu_is_chosen_by_its_number(tmp_path, monkeypatch):
    asked = []

    class Session:
        def __init__(self, _, providers):
            asked.extend(providers)

        def get_modelmeta(self):
            return SimpleNamespace(custom_metadata_map=dict(mmdet_ps='{}'))

    runtime = SimpleNamespace(
        get_available_providers=lambda: ['CUDAExecutionProvider'],
        InferenceSession=Session,
    )
    monkeypatch.setattr(onnx_model, 'optional', lambda _: runtime)
    path = tmp_path / 'a.onnx'
    path.write_bytes(b'x')
    init_model(path, device='cuda:1')
    assert asked == [('CUDAExecutionProvider', {'device_id': 1})]
    with pytest.raises(UserError, match='does not offer it'):
        init_model(path, device='cuda:x')
