"""Rankings check themselves."""

import numpy as np
import pytest

from mmdet_ps.structures import PersonBoxes, Ranking


def test_a_list_in_any_order_becomes_ranks():
    ranking = Ranking.from_list([0.2, 0.9, 0.5, 0.5], [1, 0, 1, 0], 3)
    assert ranking.similarities.tolist() == [0.9, 0.5, 0.5, 0.2]
    assert ranking.hit_ranks.tolist() == [2, 4]
    assert ranking.hit_counts.tolist() == [3, 4]
    assert ranking.first_hit == 2
    assert Ranking.from_list([0.3], [0], 1).first_hit is None


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(hit_ranks=[1], hit_counts=[], num_relevant=1), '1 hit ranks'),
        (
            dict(hit_ranks=[1, 2], hit_counts=[1, 2], num_relevant=1),
            '2 hits but 1 relevant',
        ),
        (
            dict(
                hit_ranks=[], hit_counts=[], num_relevant=1,
                images=np.zeros(3),
            ),
            'lists of lengths',
        ),
    ],
)  # fmt: skip
def test_contradictions_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Ranking(**arguments)


def test_boxes_stay_with_their_images():
    boxes = PersonBoxes(
        np.arange(16).reshape(4, 4),
        np.array([0, 1, 1, 4]),
        {'default': np.arange(8).reshape(4, 2)},
    )
    assert boxes.image_of.tolist() == [0, 2, 2, 2]
    kept = boxes.keep(np.array([False, True, False, True]))
    assert kept.offsets.tolist() == [0, 0, 0, 2]
    assert kept.embeddings['default'].tolist() == [[2, 3], [6, 7]]
    assert boxes.keep(np.ones(4, bool)) is boxes
    with pytest.raises(ValueError, match='4 boxes but scores: 3'):
        PersonBoxes(boxes.bboxes, boxes.offsets, {}, np.zeros(3))
