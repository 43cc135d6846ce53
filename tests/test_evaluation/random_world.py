"""Random search problems with everything that goes wrong in real ones."""

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol, SearchResults

# Of length 1 or 2, so that cosines are exact and many of them are equal.
EXACT = np.array(
    [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 2, 0],
        [-1, 0, 0, 0],
        [1, 1, 1, 1],
        [1, 1, -1, -1],
        [0, 0, 0, 0],
    ],
    np.float32,
)


def jittered(rng, box):
    if rng.random() < 0.4:
        return box
    return box + rng.normal(0, 0.12, 4) * np.tile(box[2:], 2)


def make_boxes(rng, people, exact, thorough):
    """Detections (or all given boxes) of the people of each image."""
    images = []
    for rows in people:
        found = []
        for box, vector in rows:
            if not thorough and rng.random() < 0.2:
                continue
            for _ in range(1 if thorough or rng.random() < 0.8 else 2):
                shown = box if thorough else jittered(rng, box)
                noise = 0 if exact else rng.normal(0, 0.5, 4)
                found.append((shown, vector + noise))
        if not thorough:
            for _ in range(rng.integers(0, 3)):
                vector = EXACT[rng.integers(len(EXACT))]
                noise = 0 if exact else rng.normal(0, 0.5, 4)
                found.append((rng.uniform(5, 200, 4), vector + noise))
        images.append(found)
    boxes = np.array([b for rows in images for b, _ in rows]).reshape(-1, 4)
    boxes = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    vectors = np.array([v for rows in images for _, v in rows], np.float32)
    count = len(boxes)
    scores = np.ones(count) if thorough else rng.uniform(0, 1, count)
    if exact and not thorough:
        scores = rng.choice([0.25, 0.5, 1.0], count)
    return PersonBoxes(
        boxes.astype(np.float32),
        np.concatenate([[0], np.cumsum([len(rows) for rows in images])]),
        {'default': vectors.reshape(-1, 4)},
        scores.astype(np.float32),
    )


def random_world(seed, exact):
    """A protocol and results: 2 to 8 images, 1 to 4 persons in each."""
    rng = np.random.default_rng(seed)
    num_images = int(rng.integers(2, 9))
    persons = EXACT[rng.integers(0, len(EXACT), 4)]
    people, ids = [], []
    for _ in range(num_images):
        count = rng.integers(0, 4)
        size = rng.uniform(5, 120, (count, 4))
        size[:, :2] -= 10
        if rng.random() < 0.5:
            size = np.round(size)
        who = rng.integers(0, 4, count)
        people.append([(box, persons[k]) for box, k in zip(size, who)])
        ids.append(who)
    people[0].append((np.array([3.0, 4.0, 50.0, 90.0]), persons[0]))
    ids[0] = np.append(ids[0], 0)
    queries = [
        (image, int(who), people[image][k][0])
        for image in range(num_images)
        for k, who in enumerate(ids[image])
        if rng.random() < 0.5 or image == 0
    ]
    listed = rng.random() < 0.5
    relevant, galleries = [], []
    for image, who, _ in queries:
        rows = [
            (other, people[other][k][0])
            for other in range(num_images)
            for k, someone in enumerate(ids[other])
            if someone == who
        ]
        if listed:
            # Duplicates and the query's own image occur in such lists.
            rows = [row for row in rows if rng.random() < 0.8]
            rest = [
                other
                for other in range(num_images)
                if other not in {row[0] for row in rows} and rng.random() < 0.8
            ]
            galleries.append([row[0] for row in rows] + rest)
        else:
            first = {}
            for row in rows:
                if row[0] != image:
                    first.setdefault(row[0], row)
            rows = list(first.values())
        relevant.append(rows)
    more = dict(scope=str(rng.choice(['all', 'other-group', 'same-group'])))
    if listed:
        more = dict(
            scope=str(rng.choice(['listed', 'all'])),
            gallery_offsets=offsets(galleries),
            gallery_images=np.concatenate(
                [np.zeros(0, int), *map(np.array, galleries)]
            ),
        )
    protocol = SearchProtocol(
        'random',
        [f'{k}.jpg' for k in range(num_images)],
        [image for image, _, _ in queries],
        [who for _, who, _ in queries],
        np.array([box for _, _, box in queries]),
        offsets(relevant),
        [image for rows in relevant for image, _ in rows],
        np.array([box for rows in relevant for _, box in rows]),
        rng.integers(1, 3, sum(map(len, relevant))),
        image_groups=rng.integers(0, 3, num_images),
        **more,
    )
    results = SearchResults(
        make_boxes(rng, people, exact, False),
        make_boxes(rng, people, exact, True),
    )
    return protocol, results


def offsets(rows):
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])])
