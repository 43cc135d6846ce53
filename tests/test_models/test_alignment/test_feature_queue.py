from collections import deque

import torch

from mmdet_ps.models.alignment import FeatureQueue


def stored(queue):
    features, sources = queue.rows()
    return [
        sorted(features[sources == s, 0].tolist())
        for s in range(len(queue.filled))
    ]


def test_queues_hold_the_latest_rows_of_their_source():
    generator = torch.Generator().manual_seed(0)
    queue = FeatureQueue(num_sources=3, size=4, channels=2)
    slow = [deque(maxlen=4) for _ in range(3)]
    for step in range(20):
        count = int(torch.randint(0, 9, (), generator=generator))
        # Some rows are of no source and enter no queue.
        sources = torch.randint(-1, 3, (count,), generator=generator)
        features = torch.arange(count)[:, None] + 100.0 * step
        queue.push(features.expand(-1, 2), sources)
        for row, source in zip(features[:, 0].tolist(), sources.tolist()):
            if source >= 0:
                slow[source].append(row)
        assert stored(queue) == [sorted(rows) for rows in slow]


def test_state_survives_a_checkpoint():
    queue = FeatureQueue(2, 3, 1)
    queue.push(torch.arange(5.0)[:, None], torch.zeros(5, dtype=torch.long))
    copy = FeatureQueue(2, 3, 1)
    copy.load_state_dict(queue.state_dict())
    for part in (queue, copy):
        part.push(torch.tensor([[9.0]]), torch.tensor([0]))
    assert stored(copy) == stored(queue) == [[3.0, 4.0, 9.0], []]


def test_a_queue_of_size_zero_stays_empty():
    queue = FeatureQueue(2, 0, 3)
    queue.push(torch.ones(2, 3), torch.tensor([0, 1]))
    features, sources = queue.rows()
    assert features.shape == (0, 3) and sources.shape == (0,)


def test_what_is_stored_keeps_no_graph():
    queue = FeatureQueue(1, 2, 1)
    queue.push(torch.ones(1, 1, requires_grad=True), torch.tensor([0]))
    assert not queue.rows()[0].requires_grad
