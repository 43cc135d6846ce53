"""Batches with a fixed share of every source, at any point of a training."""

from collections.abc import Iterator

import numpy as np
from mmdet.datasets.samplers import MultiSourceSampler
from mmdet.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ResumableMultiSourceSampler(MultiSourceSampler):
    """mmdet's sampler with exact shares and without replay on resume.

    ``source_ratio`` holds over time, not by rounding within each batch: a
    source that is due 0.4 images per batch comes in two batches of five. So
    there may be more sources than images in a batch, and a ratio of 0 leaves
    a source out. The shares of each batch are the same on all ranks.

    A resumed training does not load what it skips (mmengine calls
    :meth:`skip`), with any number of loader processes.
    """

    skipped = 0

    def skip(self, num_samples: int) -> None:
        """Begin after this many samples.

        Args:
            num_samples: What this rank had consumed; whole batches.
        """
        self.skipped = num_samples

    def __iter__(self) -> Iterator[int]:
        streams = [
            self._indices_of_rank(len(dataset))
            for dataset in self.dataset.datasets
        ]
        shares = np.array(self.source_ratio, dtype=float)
        shares *= self.batch_size / shares.sum()
        due = np.zeros(len(shares))
        position = 0
        while True:
            due += shares
            counts = _whole_numbers(due, self.batch_size)
            due -= counts
            for source, count in enumerate(counts):
                for _ in range(count):
                    index = next(streams[source])
                    position += 1
                    if position > self.skipped:
                        yield self.cumulative_sizes[source] + index


def _whole_numbers(due: np.ndarray, total: int) -> np.ndarray:
    """Counts of sum ``total`` near ``due``, by largest remainder."""
    counts = np.floor(due + 1e-9).clip(min=0).astype(int)
    remainders = due - counts
    for _ in range(total - counts.sum()):
        source = int(np.argmax(remainders))
        counts[source] += 1
        remainders[source] -= 1
    return counts
