import torch

from mmdet_ps.models.task_modules import BestOverlapSampler


def shifted(*pixels):
    """Boxes 100 x 100 moved right: the overlap falls with the shift."""
    return torch.tensor([[x, 0.0, x + 100, 100] for x in pixels])


def test_a_person_keeps_its_own_box_and_the_best_proposals():
    persons = shifted(0, 500)
    proposals = shifted(20, 10, 510, 5, 15, 300)
    bboxes, owners = BestOverlapSampler(num_per_person=4).sample(
        proposals, persons, torch.tensor([7, -1])
    )
    assert bboxes[:, 0].tolist() == [0, 5, 10, 15, 500, 510]
    assert owners.tolist() == [0, 0, 0, 0, 1, 1]


def test_overlap_below_the_limit_is_no_sample():
    # A shift of 34 leaves an overlap of 66 / 134 < 0.5, one of 33 does not.
    bboxes, _ = BestOverlapSampler().sample(
        shifted(34, 33), shifted(0), torch.tensor([1])
    )
    assert bboxes[:, 0].tolist() == [0, 33]


def test_unlabelled_persons_can_be_left_out():
    bboxes, owners = BestOverlapSampler(labelled_only=True).sample(
        shifted(1, 501), shifted(0, 500), torch.tensor([-1, 3])
    )
    assert owners.tolist() == [1, 1]
    assert bboxes[:, 0].tolist() == [500, 501]


def test_two_persons_in_the_same_place_keep_a_box_each():
    bboxes, owners = BestOverlapSampler(num_per_person=1).sample(
        shifted(2), shifted(0, 0), torch.tensor([4, 5])
    )
    assert owners.tolist() == [0, 1]
    assert bboxes[:, 0].tolist() == [0, 0]


def test_nobody_and_nothing():
    sampler = BestOverlapSampler()
    none = torch.zeros(0, dtype=torch.long)
    bboxes, owners = sampler.sample(shifted(1), torch.zeros(0, 4), none)
    assert bboxes.shape == (0, 4)
    assert owners.shape == (0,)
    bboxes, owners = sampler.sample(
        torch.zeros(0, 4), shifted(0), torch.tensor([2])
    )
    assert owners.tolist() == [0]


def test_several_images_are_sampled_as_each_alone():
    sampler = BestOverlapSampler(num_per_person=2)
    images = [
        (shifted(20, 10, 510, 5), shifted(0, 500), torch.tensor([7, -1])),
        (shifted(3, 4), shifted(), torch.tensor([], dtype=torch.long)),
        (shifted(40), shifted(0), torch.tensor([2])),
    ]
    images[1] = (images[1][0], images[1][0][:0], images[1][2])
    together = sampler.sample_images(images)
    assert [len(boxes) for boxes, _ in together] == [4, 0, 1]
    for image, found in zip(images, together):
        for value, expected in zip(found, sampler.sample(*image)):
            assert torch.equal(value, expected)
