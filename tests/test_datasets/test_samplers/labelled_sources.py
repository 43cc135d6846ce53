"""Stand-ins for datasets, of which samplers see identities alone."""

import numpy as np


class Source:
    def __init__(self, person_ids):
        self.person_ids = np.array(person_ids)

    def __len__(self):
        return len(self.person_ids)

    def get_person_ids(self):
        return self.person_ids


class Sources:
    def __init__(self, *sources):
        self.datasets = [Source(ids) for ids in sources]
        self.cumulative_sizes = np.cumsum(
            [len(source) for source in self.datasets]
        ).tolist()
