"""Identities stay with their boxes through any pipeline, or it is an error.

Every person is painted in a colour of its own, so the pixels under a box
tell whose box it is.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms import Compose
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.registry import init_default_scope

import mmdet_ps  # noqa: F401
from mmdet_ps.datasets.transforms import FlipCopies

init_default_scope('mmdet')
WIDTH, HEIGHT, TILE = 160, 96, 32
SIZES = st.sampled_from([(96, 64), (200, 120), (333, 200)])
# Transforms to build training pipelines from.
IN_USE = {
    'Resize': st.builds(
        lambda scale, keep: dict(type='Resize', scale=scale, keep_ratio=keep),
        SIZES,
        st.booleans(),
    ),
    'RandomChoiceResize': st.builds(
        lambda scales: dict(
            type='RandomChoiceResize', scales=scales, keep_ratio=True
        ),
        st.lists(SIZES, min_size=1, max_size=3),
    ),
    'RandomResize': st.builds(
        lambda scale: dict(
            type='RandomResize',
            scale=scale,
            ratio_range=(0.5, 2.0),
            keep_ratio=True,
        ),
        SIZES,
    ),
    'RandomFlip': st.builds(
        lambda way: dict(type='RandomFlip', prob=0.7, direction=way),
        st.sampled_from(['horizontal', 'vertical', 'diagonal']),
    ),
    'RandomCrop': st.builds(
        lambda part: dict(
            type='RandomCrop',
            crop_size=part,
            crop_type='relative',
            allow_negative_crop=True,
        ),
        st.tuples(st.floats(0.3, 0.9), st.floats(0.3, 0.9)),
    ),
    'Pad': st.just(dict(type='Pad', size_divisor=32)),
    'Expand': st.just(dict(type='Expand', ratio_range=(1, 2), prob=0.5)),
    'FilterPersonAnnotations': st.builds(
        lambda size, empty: dict(
            type='FilterPersonAnnotations',
            min_gt_bbox_wh=(size, size),
            keep_empty=empty,
        ),
        st.sampled_from([1, 12, 30]),
        st.booleans(),
    ),
}
# Transforms of mmdet that drop boxes and forget identities.
FORGETFUL = [
    dict(type='FilterAnnotations', min_gt_bbox_wh=(24, 24), keep_empty=False),
    dict(type='MinIoURandomCrop', min_crop_size=0.4),
    dict(type='RandomShift', prob=1.0, max_shift_px=60, filter_thr_px=20),
    dict(
        type='RandomAffine',
        max_translate_ratio=0.4,
        max_rotate_degree=0,
        max_shear_degree=0,
    ),
]
BLUE = 40  # of every person; the background has none


def scene(boxes, ids, ignored):
    """A picture and annotations; red and green tell the identity."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for (x1, y1, x2, y2), person_id in zip(boxes, ids):
        image[y1:y2, x1:x2] = BLUE, 60 + 20 * (person_id % 10), person_id
    instances = [
        dict(bbox=list(box), bbox_label=0, instance_id=i, ignore_flag=int(f))
        for box, i, f in zip(boxes, ids, ignored)
    ]
    return dict(
        img=image,
        img_path='scene.png',
        img_shape=(HEIGHT, WIDTH),
        ori_shape=(HEIGHT, WIDTH),
        instances=instances,
    )


@st.composite
def scenes(draw):
    """Persons in distinct tiles, so that no box hides another."""
    tiles = [(x, y) for y in range(0, HEIGHT, TILE)
             for x in range(0, WIDTH, TILE)]  # fmt: skip
    chosen = draw(st.lists(st.sampled_from(tiles), unique=True, max_size=8))
    sides = st.integers(10, TILE)
    boxes = [(x, y, x + draw(sides), y + draw(sides)) for x, y in chosen]
    ids = draw(st.permutations(range(10)))[: len(boxes)]
    ignored = [draw(st.booleans()) for _ in boxes]
    return scene(boxes, ids, ignored)


def run(results, transforms, seed):
    np.random.seed(seed)
    packed = Compose(
        [
            dict(type='LoadPersonAnnotations'),
            *transforms,
            dict(type='PackPersonSearchInputs'),
        ]
    )(results)
    if packed is None:
        return None
    sample = packed['data_samples']
    return packed['inputs'].numpy(), sample


def check(inputs, sample, ignored_ids):
    for instances, ignored in (
        (sample.gt_instances, False),
        (sample.ignored_instances, True),
    ):
        assert len(instances.person_ids) == len(instances.bboxes)
        for box, person_id in zip(
            instances.bboxes.numpy(), instances.person_ids.tolist()
        ):
            assert (person_id in ignored_ids) == ignored
            if min(box[2] - box[0], box[3] - box[1]) < 4:
                continue  # too little left to tell a colour
            x, y = ((box[:2] + box[2:]) / 2).astype(int)
            colour = inputs[:, y, x]
            expected = BLUE, 60 + 20 * person_id, person_id
            # Interpolation keeps the inside of a box as it is.
            assert np.abs(colour - np.array(expected)).max() <= 1


@settings(max_examples=150, deadline=None)
@given(
    scenes(),
    st.lists(st.one_of(*IN_USE.values()), max_size=5),
    st.integers(0, 2**31),
)
def test_identities_stay_with_their_boxes(results, transforms, seed):
    ignored = {
        i['instance_id'] for i in results['instances'] if i['ignore_flag']
    }
    packed = run(results, transforms, seed)
    if packed is not None:
        check(*packed, ignored)


@settings(max_examples=60, deadline=None)
@given(scenes(), st.sampled_from(FORGETFUL), st.integers(0, 2**31))
def test_forgetful_transforms_never_pass_unnoticed(results, transform, seed):
    ignored = {
        i['instance_id'] for i in results['instances'] if i['ignore_flag']
    }
    try:
        packed = run(results, [transform], seed)
    except ValueError as error:
        assert 'FilterPersonAnnotations' in str(error)
        return
    if packed is not None:
        check(*packed, ignored)


def test_the_known_case_of_a_lost_identity():
    results = scene([(0, 0, 30, 30), (40, 40, 50, 50)], [1, 2], [0, 0])
    with pytest.raises(ValueError, match='scene.png: 1 boxes but 2 entries'):
        run(results, FORGETFUL[:1], 0)


def test_fields_that_are_missing_have_their_meaning():
    results = scene([(0, 0, 30, 30)], [1], [0])
    results['instances'] += [dict(bbox=[1, 1, 9, 9], ignore_flag=1), {}]
    _, sample = run(results, [], 0)
    assert sample.gt_instances.person_ids.tolist() == [1, -1]
    assert sample.gt_instances.bboxes[1].tolist() == [0, 0, WIDTH, HEIGHT]
    assert sample.ignored_instances.person_ids.tolist() == [-1]


def test_no_person_is_an_ordinary_image():
    inputs, sample = run(scene([], [], []), [], 0)
    assert sample.gt_instances.bboxes.shape == (0, 4)
    assert sample.gt_instances.person_ids.shape == (0,)
    assert inputs.shape == (3, HEIGHT, WIDTH)


def marked(**marks):
    return dict(
        img=np.arange(6).reshape(1, 6, 1),
        img_shape=(1, 6),
        gt_bboxes=HorizontalBoxes([[0.0, 0, 2, 1]]),
        **marks,
    )


def test_copies_are_mirrored_with_their_boxes():
    results = FlipCopies()(marked(flipped_copy=True))
    assert results['img'].ravel().tolist() == [5, 4, 3, 2, 1, 0]
    assert results['gt_bboxes'].tensor.tolist() == [[4, 0, 6, 1]]
    assert results['flip'] is True


def test_originals_stay():
    results = FlipCopies()(marked())
    assert results['img'].ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert results['flip'] is False
