import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmdet_ps.models.alignment.source_tags import (
    UNKNOWN_SOURCE,
    source_of_identities,
    source_of_persons,
    tag_unlabelled,
    untag,
)
from mmdet_ps.structures.fields import IGNORED, UNLABELLED


def samples(*id_lists):
    return [
        DetDataSample(
            gt_instances=InstanceData(
                person_ids=torch.tensor(ids, dtype=torch.long)
            )
        )
        for ids in id_lists
    ]


def test_every_person_is_traced_to_its_source():
    batch = samples([7, UNLABELLED], [], [3, IGNORED], [UNLABELLED])
    sources = [1, 0, 0, 2]
    tag_unlabelled(batch, sources)
    ids = torch.cat([s.gt_instances.person_ids for s in batch])
    identities = source_of_identities(batch, sources)
    owners = source_of_persons(ids, identities)
    assert owners.tolist() == [1, 1, 0, UNKNOWN_SOURCE, 2]
    assert untag(ids).tolist() == [7, UNLABELLED, 3, IGNORED, UNLABELLED]


def test_tagged_persons_stay_neither_labelled_nor_ignored():
    batch = samples([UNLABELLED, UNLABELLED])
    tag_unlabelled(batch, [4])
    ids = batch[0].gt_instances.person_ids
    assert (ids < 0).all() and (ids != IGNORED).all()


def test_identities_that_are_not_in_the_batch_have_no_source():
    batch = samples([3], [5])
    identities = source_of_identities(batch, [0, 1])
    owners = source_of_persons(torch.tensor([2, 3, 4, 5, 6]), identities)
    assert owners.tolist() == [-1, 0, -1, 1, -1]
    empty = source_of_identities(samples([]), [0])
    assert source_of_persons(torch.tensor([2]), empty).tolist() == [-1]
