import cv2
import numpy as np
import pytest
import torch

import mmdet_ps  # noqa: F401
from mmdet_ps.apis import detect, embed_boxes, init_model
from mmdet_ps.apis.inference import detect_batch

from .colour_model import scene

RED_MAN = (20, 30, 40, 90, (0, 0, 250))
GREEN_MAN = (100, 20, 130, 100, (0, 200, 0))


def test_detections_are_in_pixels_of_the_image_whether_resized_or_not(model):
    image = scene([RED_MAN, GREEN_MAN])
    for resize in (True, False):
        bboxes, scores, embeddings = detect(model, image, resize=resize)
        assert np.abs(bboxes - [RED_MAN[:4], GREEN_MAN[:4]]).max() <= 1
        assert scores == pytest.approx([250 / 255, 200 / 255], abs=0.02)
        assert embeddings == pytest.approx(
            np.array([[0, 0, 1], [0, 1, 0]]), abs=1e-3
        )


def test_the_model_sees_the_size_that_was_asked_for(model):
    seen = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(args or kwargs['inputs']),
        with_kwargs=True,
    )
    image = scene([RED_MAN], height=120, width=200)
    detect(model, image, resize=True)
    detect(model, image, resize=False)
    shapes = [tuple(inputs.shape[-2:]) for inputs in map(_first, seen)]
    assert shapes == [(256, 416), (128, 224)], 'scaled to 240x400, then padded'


def test_a_wide_and_a_tall_image_are_not_padded_to_each_other(model):
    seen = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(args or kwargs['inputs']),
        with_kwargs=True,
    )
    wide = scene([RED_MAN], height=96, width=3000)
    tall = scene([GREEN_MAN], height=3000, width=150)
    nearly = scene([GREEN_MAN], height=3000, width=140)
    images = [wide, tall, wide, nearly]
    found = detect_batch(model, images, resize=False)
    shapes = [tuple(_first(inputs).shape) for inputs in seen]
    assert shapes == [(2, 3, 96, 3008), (2, 3, 3008, 160)]
    for image, together in zip(images, found):
        for field, alone in zip(together, detect(model, image, resize=False)):
            assert np.array_equal(field, alone)


def test_fields_of_detections_answer_by_name_and_by_unpacking(model):
    found = detect(model, scene([RED_MAN]))
    bboxes, scores, embeddings = found
    assert bboxes is found.bboxes and scores is found.scores
    assert embeddings is found.embeddings


def test_best_score_comes_first_and_threshold_cuts(model):
    image = scene([(0, 0, 20, 40, (90, 0, 0)), (60, 0, 80, 40, (0, 0, 255))])
    found = detect(model, image, resize=False)
    assert found.scores.tolist() == sorted(found.scores, reverse=True)
    assert found.bboxes[0, 0] == 60
    assert len(detect(model, image, score_thr=0.5).scores) == 1


def test_an_empty_scene_gives_no_rows(model):
    found = detect(model, scene([]))
    assert found.bboxes.shape == (0, 4)
    assert found.scores.shape == (0,)
    assert found.embeddings.shape == (0, 3)


def test_a_file_and_its_array_give_the_same(model, tmp_path):
    image = scene([RED_MAN, GREEN_MAN])
    path = tmp_path / 'scene.png'
    cv2.imwrite(str(path), image)
    for from_file, from_array in zip(
        detect(model, path), detect(model, image)
    ):
        assert np.array_equal(from_file, from_array)


@pytest.mark.parametrize('resize', [True, False])
def test_embed_boxes_embeds_the_given_boxes(model, resize):
    image = scene([RED_MAN, GREEN_MAN])
    half_and_half = [20, 60, 130, 90]
    vectors = embed_boxes(
        model,
        image,
        [GREEN_MAN[:4], RED_MAN[:4], half_and_half],
        resize=resize,
    )
    assert vectors.dtype == np.float32
    assert vectors[:2] == pytest.approx(
        np.array([[0, 1, 0], [0, 0, 1]]), abs=0.01
    )
    # 30 columns of green 200 and 20 columns of red 250.
    expected = np.array([0, 6000, 5000]) / np.hypot(6000, 5000)
    assert vectors[2] == pytest.approx(expected, abs=0.03)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_no_box_gives_no_row_of_the_right_length(model):
    for nothing in ([], np.zeros((0, 4))):
        assert embed_boxes(model, scene([RED_MAN]), nothing).shape == (0, 3)


@pytest.mark.parametrize(
    ('bboxes', 'message'),
    [
        ([[300, 0, 310, 20]], '200 wide and 120 high'),
        ([[10, 10, 20, 30], [30, 30, 20, 60]], 'box 1 .* is empty'),
        ([[0, 0, float('nan'), 5]], 'is empty'),
        ([1, 2, 3, 4], r'one box is written \[\['),
        ([[1, 2, 3]], r'\(N, 4\)'),
    ],
)
def test_a_bad_box_is_named(model, bboxes, message):
    with pytest.raises(ValueError, match=message):
        embed_boxes(model, scene([RED_MAN]), bboxes)


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((3, 10, 10), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_a_wrong_array_is_refused(model, image):
    with pytest.raises(ValueError, match='BGR uint8 array'):
        detect(model, image)


def test_bad_files_are_named(model, tmp_path):
    with pytest.raises(FileNotFoundError, match='nobody.jpg'):
        detect(model, tmp_path / 'nobody.jpg')
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'not an image')
    with pytest.raises(ValueError, match='broken.jpg is not an image'):
        embed_boxes(model, broken, [[0, 0, 1, 1]])


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_a_missing_gpu_is_said(config_file):
    with pytest.raises(ValueError, match='sees no GPU'):
        init_model(config_file, device='cuda')


def _first(inputs):
    while not isinstance(inputs, torch.Tensor):
        inputs = inputs[0]
    return inputs


def test_a_checkpoint_that_fits_is_loaded(config_file, tmp_path):
    path = tmp_path / 'trained.pth'
    weights = dict(unused=torch.full((1,), 7.0), unused_too=torch.zeros(1))
    torch.save(dict(state_dict=weights), path)
    assert init_model(config_file, path).unused.item() == 7


@pytest.mark.parametrize(
    ('shapes', 'row'),
    [
        (dict(unused=2, unused_too=1), r'1 of another shape .unused: '),
        (dict(unused=1, unused_too=1, extra=1), r'1 unknown to .* .extra'),
        (dict(unused=1), r'1 lacking .unused_too'),
    ],
)  # fmt: skip
def test_what_a_checkpoint_of_another_model_lacks_is_named(
    config_file, tmp_path, shapes, row
):
    path = tmp_path / 'other.pth'
    weights = {name: torch.zeros(size) for name, size in shapes.items()}
    torch.save(dict(state_dict=weights), path)
    with pytest.raises(ValueError, match=row):
        init_model(config_file, path)


def test_a_checkpoint_of_nothing_in_common_and_a_missing_one(
    config_file, tmp_path
):
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict={'backbone.conv1': torch.zeros(1)}), path)
    with pytest.raises(ValueError, match='nothing fits'):
        init_model(config_file, path)
    with pytest.raises(ValueError, match='no such file'):
        init_model(config_file, tmp_path / 'nothing.pth')
