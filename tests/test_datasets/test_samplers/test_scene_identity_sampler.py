import pytest

from mmdet_ps.datasets.samplers import SceneIdentitySampler

SCENES = [[0, 1], [0, -1], [1, 1], [], [2], [2, 0], [-1]]


class Scenes:
    """Images with the given person ids."""

    def __len__(self):
        return len(SCENES)

    def get_data_info(self, index):
        return dict(instances=[dict(instance_id=i) for i in SCENES[index]])


def test_scenes_of_each_identity():
    groups = SceneIdentitySampler.find_groups(Scenes())
    assert [g.tolist() for g in groups] == [[0, 1, 5], [0, 2], [4, 5]]


def test_a_batch_holds_identities_twice():
    sampler = SceneIdentitySampler(
        Scenes(), batch_size=4, num_instances=2, seed=0
    )
    indices = list(sampler)
    assert len(indices) == len(sampler) > 0
    assert not {3, 6} & set(indices)
    for start in range(0, len(indices), 2):
        first, second = indices[start : start + 2]
        assert first != second
        shared = set(SCENES[first]) & set(SCENES[second])
        assert any(i >= 0 for i in shared)


def test_too_few_identities_are_an_error():
    with pytest.raises(ValueError, match='enough identities'):
        SceneIdentitySampler(Scenes(), batch_size=8, num_instances=2, seed=0)
