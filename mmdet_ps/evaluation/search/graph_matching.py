"""Context bipartite graph matching (SeqNet): companions are evidence.

Persons near the query in its image are likely to be near it elsewhere. The
persons of the query image are matched, one to one, with those of a gallery
image so that the sum of similarities is greatest; the detection matched with
the query takes the similarity of the strongest edge of the matching
(``max``), or the mean of that and its own (``mean``, PSTR).
"""

from __future__ import annotations

import numpy as np

from .gallery_order import descending


def first_images(
    similarities: np.ndarray,
    members: np.ndarray,
    image_of: np.ndarray,
    count: int,
    ties: str = 'stable',
) -> np.ndarray:
    """Images of the ``count`` most similar detections, each once.

    Args:
        similarities: (G,) of all detections.
        members: (M,) detections in the gallery of the query, in its order.
        image_of: (G,) image of each detection.
        count: k1.
        ties: Which of equally similar ones come first.
    """
    values = similarities[members]
    if len(members) > count:
        # Their order matters only if the last of them has an equal.
        last = np.partition(values, -count)[-count]
        first = np.flatnonzero(values >= last)
        if len(first) > count:
            first = descending(values, ties)[:count]
        members = members[first]
    return np.unique(image_of[members])


def matched_similarity(
    edges: np.ndarray, own: np.ndarray, form: str
) -> tuple[int, float] | None:
    """New similarity of the detection that is matched with the query.

    Args:
        edges: (k2, n) similarities of the persons of the query image, the
            query first, with the detections of a gallery image.
        own: (n,) similarities of the query with these detections.
        form: ``max`` or ``mean``.

    Returns:
        Its column and its new similarity; None where the query is left
        without a partner.
    """
    # Only here: it takes longer to import than a usual search to score.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(edges, maximize=True)
    partner = columns[rows == 0]
    if not len(partner):
        return None
    strongest = edges[rows, columns].max()
    column = int(partner[0])
    if form == 'mean':
        strongest = (strongest + own[column]) / 2
    return column, float(strongest)
