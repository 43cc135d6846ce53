import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope

import mmdet_ps  # noqa: F401
from mmdet_ps.utils.errors import UserError

init_default_scope('mmdet')
PERSONS = [
    dict(bbox=[10, 20, 110, 320], instance_id=4),
    dict(bbox=[300, 5, 401, 299]),
]
ANNOTATIONS = dict(type='LoadPersonAnnotations')


@pytest.fixture
def picture(tmp_path):
    """A smooth picture of 401x323, as the dataset hands it over."""

    def write(suffix='.jpg', **said):
        rows, columns = np.mgrid[:323, :401]
        image = np.stack(
            [rows / 2, columns / 2, 120 + 100 * np.sin(columns / 30)], 2
        ).astype(np.uint8)
        path = tmp_path / f'street{suffix}'
        cv2.imwrite(str(path), image)
        return dict(
            dict(img_path=str(path), height=323, width=401),
            instances=PERSONS,
            **said,
        )

    return write


def both(results, scale, keep_ratio=True):
    """What becomes of a training picture in one step, and in two."""
    options = dict(scale=scale, keep_ratio=keep_ratio)
    one = [ANNOTATIONS, dict(type='DecodingResize', **options)]
    two = [
        dict(type='LoadImageFromFile'),
        ANNOTATIONS,
        dict(type='Resize', **options),
    ]
    return [Compose(steps)(dict(results)) for steps in (one, two)]


def test_a_picture_that_is_not_reduced_is_the_same(picture):
    for scale, keep_ratio in (((390, 300), True), ((500, 400), False)):
        found, expected = both(picture(), scale, keep_ratio)
        assert np.array_equal(found['img'], expected['img'])
        assert found['ori_shape'] == (323, 401)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize(
    ('scale', 'flag'),
    [
        ((190, 160), cv2.IMREAD_REDUCED_COLOR_2),
        ((90, 80), cv2.IMREAD_REDUCED_COLOR_4),
        ((50, 40), cv2.IMREAD_REDUCED_COLOR_8),
    ],
)
def test_sizes_and_boxes_of_a_reduced_picture_are_the_same(
    picture, monkeypatch, suffix, scale, flag
):
    data = picture(suffix)
    flags = []
    decode = cv2.imdecode
    monkeypatch.setattr(
        cv2, 'imdecode', lambda *a: flags.append(a[1]) or decode(*a)
    )
    found, expected = both(data, scale)
    assert flags == [flag, cv2.IMREAD_COLOR]
    for name in ('img_shape', 'ori_shape', 'scale_factor', 'keep_ratio'):
        assert found[name] == expected[name]
    assert (found['gt_bboxes'].tensor == expected['gt_bboxes'].tensor).all()
    difference = found['img'].astype(float) - expected['img']
    assert 0 < abs(difference).mean() < 4


def test_a_size_that_is_wrong_or_not_said_does_no_harm(picture):
    wrong, silent = picture(), picture()
    wrong.update(height=401, width=323)
    del silent['height'], silent['width']
    expected = both(picture(), (90, 80))[1]
    steps = [dict(type='DecodingResize', scale=(90, 80), keep_ratio=True)]
    for data in (wrong, silent):
        found = Compose(steps)(data)
        assert np.array_equal(found['img'], expected['img'])
        assert found['scale_factor'] == expected['scale_factor']


def test_one_of_several_sizes_is_drawn(picture):
    steps = [
        ANNOTATIONS,
        dict(
            type='RandomChoiceResize',
            scales=[(90, 80)],
            resize_type='DecodingResize',
            keep_ratio=True,
        ),
        dict(type='PackPersonSearchInputs'),
    ]
    sample = Compose(steps)(dict(picture(), img_id=0, flip=False))
    assert sample['inputs'].shape == (3, 72, 90)


def test_what_is_decoded_already_is_resized(picture):
    data = picture()
    data.update(img=np.zeros((323, 401, 3), np.uint8), img_path='')
    steps = [dict(type='DecodingResize', scale=(90, 80), keep_ratio=True)]
    assert not Compose(steps)(data)['img'].any()


def test_a_file_that_is_no_picture_is_named(tmp_path):
    path = tmp_path / 'street.jpg'
    path.write_bytes(b'no picture')
    steps = [dict(type='DecodingResize', scale=(90, 80))]
    with pytest.raises(UserError, match='street.jpg'):
        Compose(steps)(dict(img_path=str(path), height=323, width=401))
