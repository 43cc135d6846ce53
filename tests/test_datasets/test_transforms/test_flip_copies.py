import numpy as np
from mmdet.structures.bbox import HorizontalBoxes

from mmdet_ps.datasets.transforms import FlipCopies


def sample(**marks):
    return dict(
        img=np.arange(6).reshape(1, 6, 1),
        img_shape=(1, 6),
        gt_bboxes=HorizontalBoxes([[0.0, 0, 2, 1]]),
        **marks,
    )


def test_copies_are_mirrored_with_their_boxes():
    results = FlipCopies()(sample(flipped_copy=True))
    assert results['img'].ravel().tolist() == [5, 4, 3, 2, 1, 0]
    assert results['gt_bboxes'].tensor.tolist() == [[4, 0, 6, 1]]
    assert results['flip'] is True


def test_originals_stay():
    results = FlipCopies()(sample())
    assert results['img'].ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert results['flip'] is False
