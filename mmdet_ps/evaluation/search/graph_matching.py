"""Context bipartite graph matching (Li and Miao, SeqNet, AAAI 2021).

Whoever walks beside the query is likely to walk beside it elsewhere, too. The
persons of the query image are matched, one to one, with those of a gallery
image so that the sum of similarities is greatest. The detection that is
matched with the query then takes the similarity of the strongest edge of the
matching (``max``), or the mean of that and its own (``mean``, as in PSTR, Cao
et al., CVPR 2022).
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
    """The images of the most similar detections, each once.

    Args:
        similarities (ndarray): of all detections, (G,) float.
        members (ndarray): detections in the gallery of the query, (M,) int,
            in its order.
        image_of (ndarray): image of each detection, (G,) int.
        count (int): how many detections are looked at, k1 of SeqNet.
        ties (str): which of equally similar ones come first, as in the
            settings.

    Returns:
        ndarray: (n,) int, ascending.
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
    """The new similarity of the detection that is matched with the query.

    Args:
        edges (ndarray): similarities of the persons of the query image, the
            query first, with the detections of a gallery image, (k2, n)
            float.
        own (ndarray): similarities of the query with these detections, (n,)
            float.
        form (str): ``max`` or ``mean``, see above.

    Returns:
        tuple: number of the detection and its new similarity; None where the
        query is left without a partner.
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
