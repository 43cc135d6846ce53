"""P x K sampling of scenes: identities that meet themselves in a batch."""

from __future__ import annotations

import numpy as np
from mmdet.registry import DATA_SAMPLERS

from .identity_sampler import IdentitySampler, identity_groups


@DATA_SAMPLERS.register_module()
class SceneIdentitySampler(IdentitySampler):
    """Batches of P identities with K scenes each in which they appear.

    A scene counts for every labelled person in it, so it may come more than
    once in an epoch, and persons beside the P appear as well.

    Args:
        dataset: A dataset of scenes, such as ``PersonSearchDataset``.
        batch_size: P * K, images of a batch on each rank.
        num_instances: K, scenes of an identity in a batch.
        seed: Seed; the runner passes its own.
    """

    @staticmethod
    def find_groups(dataset) -> list[np.ndarray]:
        """Indices of the scenes of each labelled identity."""
        persons = [
            (index, instance.get('instance_id', -1))
            for index in range(len(dataset))
            for instance in dataset.get_data_info(index)['instances']
        ]
        scenes, ids = np.array(persons, dtype=int).reshape(-1, 2).T
        return [np.unique(scenes[group]) for group in identity_groups(ids)]
