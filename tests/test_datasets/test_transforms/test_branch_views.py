"""Two views: what they share, what they lose, what becomes of the batch."""

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmdet.registry import MODELS, TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import mmdet_ps  # noqa: F401
from tests.tiny_search_detector import PREPROCESSOR

init_default_scope('mmdet')
BOXES = [[0, 0, 10, 20], [20, 10, 40, 50], [50, 0, 64, 40]]
IDS = [7, -1, 3]
PACK = dict(type='PackPersonSearchInputs')


def picture():
    rng = np.random.default_rng(0)
    return dict(
        img=rng.integers(0, 256, (60, 80, 3), dtype=np.uint8),
        img_path='street.jpg',
        img_shape=(60, 80),
        ori_shape=(60, 80),
        gt_bboxes=HorizontalBoxes(np.array(BOXES, np.float32)),
        gt_bboxes_labels=np.zeros(3, np.int64),
        gt_instances_ids=np.array(IDS),
        gt_ignore_flags=np.array([False, False, True]),
    )


class DropFirst(BaseTransform):
    """Drop the first person of every second picture it sees."""

    calls = 0

    def transform(self, results):
        self.calls += 1
        if self.calls % 2 == 0:
            for key in ('gt_bboxes', 'gt_bboxes_labels', 'gt_instances_ids',
                        'gt_ignore_flags'):  # fmt: skip
                results[key] = results[key][1:]
        return results


def two_views(*transforms, **options):
    return TRANSFORMS.build(
        dict(
            type='BranchViews',
            transforms=[*transforms, PACK],
            branch='det',
            num_views=2,
        )
        | options
    )


def test_views_are_augmented_apart_and_persons_keep_their_numbers():
    packed = two_views(
        dict(type='Resize', scale=(160, 120)),
        dict(type='RandomFlip', prob=0.5),
    )
    flips = set()
    np.random.seed(0)
    for _ in range(16):
        both = packed(picture())['data_samples']
        views = [both['det'], both['det_second_view']]
        flips.add(tuple(view.flip for view in views))
        for view in views:
            boxes = view.gt_instances.bboxes / 2
            if view.flip:
                boxes[:, [0, 2]] = 80 - boxes[:, [2, 0]]
            assert boxes.tolist() == BOXES[:2]
            assert view.gt_instances.person_ids.tolist() == IDS[:2]
            assert view.gt_instances.annotation_indices.tolist() == [0, 1]
            ignored = view.ignored_instances
            assert ignored.person_ids.tolist() == IDS[2:]
            assert ignored.annotation_indices.tolist() == [2]
    assert flips == {(a, b) for a in (True, False) for b in (True, False)}


def test_a_person_lost_in_one_view_keeps_the_others_numbers():
    both = two_views(DropFirst())(picture())['data_samples']
    first, second = both['det'], both['det_second_view']
    assert first.gt_instances.annotation_indices.tolist() == [0, 1]
    assert second.gt_instances.annotation_indices.tolist() == [1]
    assert second.gt_instances.person_ids.tolist() == [-1]


def test_a_view_without_persons_draws_another_picture():
    filtering = dict(
        type='FilterPersonAnnotations', min_gt_bbox_wh=(1000, 1000)
    )
    assert two_views(filtering)(picture()) is None


def test_the_preprocessor_joins_the_views_and_says_which_belong_together():
    preprocessor = MODELS.build(
        dict(type='HybridDataPreprocessor', data_preprocessor=PREPROCESSOR)
    )
    scene, crop = two_views(), two_views(branch='reid', num_views=1)
    batch = pseudo_collate([crop(picture()), scene(picture()),
                            crop(picture()), scene(picture())])  # fmt: skip
    data = preprocessor(batch, training=True)
    pictures = {
        branch: [sample.picture for sample in samples]
        for branch, samples in data['data_samples'].items()
    }
    assert pictures == dict(det=[1, 3, 1, 3], reid=[0, 2])
    assert len(data['inputs']['det']) == 4
    assert torch.equal(data['inputs']['det'][0], data['inputs']['det'][2])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(branch='crops'), "choose one of \\['det', 'reid'\\]"),
        (dict(num_views=3), 'choose 1 or 2'),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        two_views(**options)
