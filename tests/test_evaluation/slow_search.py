"""Search scoring as plain loops: what the fast code must agree with.

One query at a time, one gallery entry at a time, Python floats. Written from
the description of the protocol, not from the fast code; nothing here is
shared with it.
"""

import itertools
import math

import numpy as np


def step_precision(truth, scores):
    """Sum over the distinct scores of recall gained times precision."""
    total, last = 0.0, 0.0
    for level in sorted(set(scores), reverse=True):
        shown = [t for t, score in zip(truth, scores) if score >= level]
        recall = sum(shown) / sum(truth)
        total += (recall - last) * sum(shown) / len(shown)
        last = recall
    return total


def iou(a, b, extra=0):
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    inter = max(0, width) * max(0, height)
    areas = [
        (box[2] - box[0] + extra) * (box[3] - box[1] + extra) for box in (a, b)
    ]
    union = areas[0] + areas[1] - inter
    return inter / union if union > 0 else 0.0


def threshold(box, rule):
    if rule == '0.5':
        return 0.5
    w, h = box[2] - box[0], box[3] - box[1]
    padded = (w + 10) * (h + 10)
    return min(0.5, w * h / padded) if padded > 0 else 0.0


def rounded(box, rule, role):
    x, y, w, h = box
    if rule == 'none':
        return [x, y, x + w, y + h]
    if rule == 'seqnet' and role == 'query':
        return [max(int(v), 0) for v in (x, y, x + w, y + h)]
    if rule == 'seqnet':
        x, y, w, h = (max(v, 0) for v in box)
        return [int(v) for v in (x, y, x + w, y + h)]
    if rule == 'dps':
        x, y, w, h = (int(v) for v in box)
        return [x, y, x + w, y + h]
    if rule == 'alignps-json':
        return [int(v) for v in (x, y, x + w, y + h)]
    if rule == 'gfn':
        x, y, w, h = (max(int(v), 0) for v in box)
        return [x, y, x + w, y + h]
    return [max(v, 0.0) for v in (x, y, x + w, y + h)]


def unit(vector):
    vector = np.asarray(vector, np.float64)
    norm = math.sqrt(float((vector**2).sum()))
    return vector / norm if norm > 0 else vector


def person_of(boxes, image, number, part):
    row = boxes.offsets[image] + number
    return dict(
        box=[float(v) for v in boxes.bboxes[row]],
        score=float(boxes.scores[row]),
        vector=unit(boxes.embeddings[part][row]),
    )


def people(boxes, image, part):
    cache = boxes.__dict__.setdefault('_people', {})
    if (image, part) not in cache:
        cache[image, part] = _people(boxes, image, part)
    return cache[image, part]


def _people(boxes, image, part):
    return [
        person_of(boxes, image, k, part)
        for k in range(boxes.offsets[image + 1] - boxes.offsets[image])
    ]


def descending(values, ties):
    """Order of values, greatest first."""
    if ties == 'numpy':
        return np.argsort(np.array(values, np.float32))[::-1].tolist()
    return sorted(range(len(values)), key=lambda k: -values[k])


def gallery_entries(protocol, query):
    """Images of the gallery, in order, with repetitions."""
    own = protocol.query_images[query]
    listed = list(protocol.listed(query))
    if protocol.scope == 'listed':
        return listed
    groups = protocol.image_groups
    rest = []
    for image in range(len(protocol.images)):
        if image == own or image in listed:
            continue
        if groups is not None:
            same = groups[image] == groups[own]
            if protocol.scope == 'other-group' and same:
                continue
            if protocol.scope == 'same-group' and not same:
                continue
        rest.append(image)
    return listed + rest


def query_vector(protocol, query, results, settings, part):
    """The vector searched with, and which detection gave it."""
    image = int(protocol.query_images[query])
    if settings.query_embedding == 'given-box':
        box = rounded(protocol.query_boxes[query], 'none', 'query')
        given = people(results.given, image, part)
        best = max(
            range(len(given)),
            key=lambda k: (iou(given[k]['box'], box), -k),
        )
        return given[best]['vector'], None
    box = rounded(protocol.query_boxes[query], settings.rounding, 'query')
    seen = people(results.detections, image, part)
    if not seen:
        return None, None
    best = max(
        range(len(seen)), key=lambda k: (iou(seen[k]['box'], box, 1), -k)
    )
    return seen[best]['vector'], best


def context_graph(query, kept, similar, context, k1, form):
    """Similarities after context bipartite graph matching, brute force."""
    ranked = sorted(
        ((value, image) for image in kept for value in similar[image]),
        reverse=True,
    )
    for image in {image for _, image in ranked[:k1]}:
        vectors = [person['vector'] for person in kept[image]]
        rows = [query, *context]
        best, pairs = -np.inf, None
        size = min(len(rows), len(vectors))
        for left in itertools.combinations(range(len(rows)), size):
            for right in itertools.permutations(range(len(vectors)), size):
                edges = [
                    float(rows[i] @ vectors[j]) for i, j in zip(left, right)
                ]
                if sum(edges) > best + 1e-12:
                    best, pairs = sum(edges), list(zip(left, right, edges))
        for i, j, _ in pairs:
            if i == 0:
                top = max(edge for _, _, edge in pairs)
                old = similar[image][j]
                similar[image][j] = top if form == 'max' else (top + old) / 2


def search(protocol, query, results, settings, part='default'):
    """(AP, top-1, top-5, top-10), or None where the query does not count."""
    vector, own = query_vector(protocol, query, results, settings, part)
    relevant = {}
    for k in range(*protocol.relevant_offsets[query : query + 2]):
        relevant.setdefault(int(protocol.relevant_images[k]), []).append(k)
    kept, similar = {}, {}
    for image in range(len(protocol.images)):
        kept[image] = [
            person
            for person in people(results.detections, image, part)
            if person['score'] >= np.float32(settings.score_thr)
        ]
        similar[image] = [
            0.0 if vector is None else float(person['vector'] @ vector)
            for person in kept[image]
        ]
        if settings.confidence_weighted:
            similar[image] = [
                value * person['score']
                for value, person in zip(similar[image], kept[image])
            ]
    entries = gallery_entries(protocol, query)
    if settings.cbgm and vector is not None:
        image = int(protocol.query_images[query])
        seen = people(results.detections, image, part)
        others = [
            person
            for k, person in enumerate(seen)
            if k != own and person['score'] >= np.float32(settings.score_thr)
        ]
        others.sort(key=lambda person: -person['score'])
        k1, k2 = settings.cbgm
        context_graph(
            vector,
            {i: kept[i] for i in dict.fromkeys(entries) if kept[i]},
            similar,
            [person['vector'] for person in others[: k2 - 1]],
            k1,
            settings.cbgm_form,
        )
    truth, scores, wanted, found = [], [], 0, 0
    waiting = {image: list(rows) for image, rows in relevant.items()}
    done = set()
    for image in entries:
        row = waiting[image].pop(0) if waiting.get(image) else None
        if row is not None:
            boxes = int(protocol.relevant_counts[row])
            wanted += boxes if settings.count_relevant == 'box' else 1
        if settings.duplicates == 'skip' and image in done:
            continue
        done.add(image)
        order = list(range(len(kept[image])))
        hit = None
        if row is not None:
            box = rounded(
                protocol.relevant_boxes[row], settings.rounding, 'gallery'
            )
            order = descending(similar[image], settings.ties)
            needed = threshold(box, settings.iou_rule)
            for k in order:
                if iou(kept[image][k]['box'], box) >= needed:
                    hit = k
                    break
        if vector is None:
            continue
        truth += [k == hit for k in order]
        scores += [similar[image][k] for k in order]
        found += hit is not None
    if wanted == 0 or (vector is None and settings.missing_query == 'skip'):
        return None
    if found == 0:
        return 0.0, 0, 0, 0
    precision = step_precision(truth, scores) * found / wanted
    order = descending(scores, settings.ties)
    ranked = [truth[k] for k in order]
    return (precision, *(int(any(ranked[:k])) for k in (1, 5, 10)))
