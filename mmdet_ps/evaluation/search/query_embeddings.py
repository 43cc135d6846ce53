"""The embedding that each query is searched with."""

from __future__ import annotations

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol, SearchResults
from mmdet_ps.structures.boxes import paired_iou
from mmdet_ps.utils.errors import UserError

from ..settings import SearchSettings
from .box_matching import best_partner, ragged_pairs
from .rounding import rounded_corners

# A given box is the query's where they agree up to rounding.
SAME_BOX_IOU = 0.5


def query_boxes_of(
    protocol: SearchProtocol, settings: SearchSettings
) -> np.ndarray:
    """The query boxes under the rounding rule, (Q, 4) float xyxy, pixels."""
    sizes = protocol.image_sizes
    return rounded_corners(
        protocol.query_boxes,
        settings.rounding,
        'query',
        None if sizes is None else sizes[protocol.query_images],
    )


def best_overlap(
    images: np.ndarray, bboxes: np.ndarray, boxes: PersonBoxes
) -> np.ndarray:
    """The detection that overlaps each box most.

    Corner pixels belong to the boxes here, and a box that overlaps nothing
    takes the first detection of its image, as in the published scripts.

    Args:
        images (ndarray): image of each box, (Q,) int.
        bboxes (ndarray): the boxes, (Q, 4) float xyxy, pixels.
        boxes (PersonBoxes): the detections.

    Returns:
        ndarray: (Q,) int; -1 where the image has no detection.
    """
    entries, pairs = ragged_pairs(images, boxes.offsets)
    overlap = paired_iou(boxes.bboxes[pairs], bboxes[entries], extra=1)
    return best_partner(entries, pairs, overlap, len(images))


def own_given_box(protocol: SearchProtocol, given: PersonBoxes) -> np.ndarray:
    """The annotated box of each query.

    A box whose identity is known and is the query's is preferred to one that
    merely overlaps.

    Args:
        protocol (SearchProtocol): has the queries.
        given (PersonBoxes): the annotated boxes of all images.

    Returns:
        ndarray: (Q,) int; -1 where there is none.
    """
    entries, pairs = ragged_pairs(protocol.query_images, given.offsets)
    overlap = paired_iou(given.bboxes[pairs], protocol.query_bboxes[entries])
    value = np.where(overlap >= SAME_BOX_IOU, overlap, -np.inf)
    if given.person_ids is not None:
        value = value + (
            given.person_ids[pairs] == protocol.query_ids[entries]
        )
    best = best_partner(entries, pairs, value, protocol.num_queries)
    top = np.full(protocol.num_queries, -np.inf)
    np.maximum.at(top, entries, value)
    return np.where(top > -np.inf, best, -1)


def embed_queries(
    protocol: SearchProtocol, results: SearchResults, settings: SearchSettings
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The unit embeddings of the queries of a protocol.

    Args:
        protocol (SearchProtocol): has the queries.
        results (SearchResults): detections and annotated boxes.
        settings (SearchSettings): which of the two a query is read from.

    Returns:
        tuple: name of a part -> embeddings, (Q, D) float32; number of the box
        that each was read from, (Q,) int; whether there was one, (Q,) bool.

    Raises:
        UserError: Annotated boxes are asked for, and there are none or they
            have no embeddings.
    """
    if settings.query_embedding == 'given-box':
        source = results.given
        if source is None or not source.embeddings:
            raise UserError(
                'the results hold no embeddings of given boxes; score by '
                '--query-embedding matched-detection, or write them with '
                '--cfg-options model.test_cfg.embed_gt_boxes=True'
            )
        rows = own_given_box(protocol, source)
        lost = np.flatnonzero(rows < 0)
        if len(lost):
            image = protocol.images[protocol.query_images[lost[0]]]
            raise UserError(
                f'query {lost[0]} ({image}): the results hold no given box '
                f'there ({len(lost)} queries in all); prepare the annotation '
                'file again, every query box belongs into it'
            )
    else:
        source = results.detections
        rows = best_overlap(
            protocol.query_images, query_boxes_of(protocol, settings), source
        )
    found = rows >= 0
    parts = {}
    for name, embeddings in source.embeddings.items():
        chosen = np.zeros((len(rows), embeddings.shape[1]), np.float32)
        chosen[found] = embeddings[rows[found]]
        parts[name] = unit(chosen)
    return parts, rows, found


def unit(embeddings: np.ndarray) -> np.ndarray:
    """Vectors (N, D) scaled to length 1; zeros stay zeros."""
    return embeddings * inverse_norms(embeddings)[:, None]


def inverse_norms(embeddings: np.ndarray, chunk: int = 65536) -> np.ndarray:
    """The factors that scale vectors to length 1.

    Args:
        embeddings (ndarray): the vectors, (N, D) float.
        chunk (int): how many rows are looked at at a time, because lengths
            are computed in float64.

    Returns:
        ndarray: (N,) float32; 0 for a vector of zeros.
    """
    squares = [
        np.einsum('nd,nd->n', rows, rows, dtype=np.float64)
        for rows in (
            embeddings[start : start + chunk]
            for start in range(0, max(len(embeddings), 1), chunk)
        )
    ]
    norms = np.sqrt(np.concatenate(squares))
    factors = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return factors.astype(np.float32)
