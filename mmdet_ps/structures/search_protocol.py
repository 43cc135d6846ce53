"""What a person-search benchmark asks: queries, galleries, right answers.

A protocol knows the names of images, boxes and identities. It knows nothing
of models, of detections, or of the files of a dataset.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mmdet_ps.utils.errors import UserError

SCOPES = ('all', 'other-group', 'same-group', 'listed')


def _array(values, dtype, shape=(-1,)) -> np.ndarray:
    return np.asarray(values, dtype=dtype).reshape(shape)


@dataclass
class SearchProtocol:
    """Queries, the gallery of each, and the boxes that count as found.

    Boxes are kept as the dataset gives them, as fractional [x, y, w, h],
    because published scripts round them in different ways. The evaluator
    applies one of these rules.

    Args:
        name (str): a short name such as ``standard``, ``cross-camera`` or
            ``gallery-100``.
        images (list[str]): names of the I test images, in the order of the
            results.
        query_images (ndarray): image of each query, (Q,) int64.
        query_ids (ndarray): person of each query, (Q,) int64.
        query_boxes (ndarray): box of each query, (Q, 4) float64 xywh, pixels.
        relevant_offsets (ndarray): where the right answers of each query
            begin, (Q + 1,) int64: entries ``relevant_offsets[q]`` to
            ``relevant_offsets[q + 1]`` of the next three are those of query
            q.
        relevant_images (ndarray): images that show the person of the query,
            (R,) int64.
        relevant_boxes (ndarray): box of the person in each of them, (R, 4)
            float64 xywh, pixels.
        relevant_counts (ndarray): how many boxes the person has in each of
            them, (R,) int64. Nearly everywhere 1; of several, the first alone
            can be found.
        scope (str): ``all``: the gallery is every image but the query's;
            ``other-group`` and ``same-group``: only images of another, or of
            the same, camera or video; ``listed``: the images of
            ``gallery_images`` alone.
        image_groups (ndarray): camera or video of each image, (I,) int64.
            Images of a negative group are in no gallery that is not listed.
        gallery_offsets (ndarray): where the list of each query begins,
            (Q + 1,) int64.
        gallery_images (ndarray): the lists, (E,) int32, in the order of the
            dataset. With scope ``all`` they are added to the gallery, even
            where they name the query's image.
        image_sizes (ndarray): width and height of each image, (I, 2) float64,
            pixels, for rules that clip boxes at the border.
        gallery_size (int): nominal size of the gallery, where it has one.
        dataset (str): ``cuhk-sysu``, ``prw``, ``posetrack21`` or another
            name.

    Raises:
        UserError: The arrays contradict each other.
    """

    name: str
    images: list[str]
    query_images: np.ndarray
    query_ids: np.ndarray
    query_boxes: np.ndarray
    relevant_offsets: np.ndarray
    relevant_images: np.ndarray
    relevant_boxes: np.ndarray
    relevant_counts: np.ndarray = None
    scope: str = 'all'
    image_groups: np.ndarray = None
    gallery_offsets: np.ndarray = None
    gallery_images: np.ndarray = None
    image_sizes: np.ndarray = None
    gallery_size: int | None = None
    dataset: str = ''
    _listed: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        self.images = [str(name) for name in self.images]
        self.query_images = _array(self.query_images, np.int64)
        self.query_ids = _array(self.query_ids, np.int64)
        self.query_boxes = _array(self.query_boxes, np.float64, (-1, 4))
        self.relevant_offsets = _array(self.relevant_offsets, np.int64)
        self.relevant_images = _array(self.relevant_images, np.int64)
        self.relevant_boxes = _array(self.relevant_boxes, np.float64, (-1, 4))
        if self.relevant_counts is None:
            self.relevant_counts = np.ones(len(self.relevant_images))
        self.relevant_counts = _array(self.relevant_counts, np.int64)
        if self.image_groups is not None:
            self.image_groups = _array(self.image_groups, np.int64)
        if self.image_sizes is not None:
            self.image_sizes = _array(self.image_sizes, np.float64, (-1, 2))
        self._listed = self.gallery_images is not None
        if self._listed:
            self.gallery_offsets = _array(self.gallery_offsets, np.int64)
            self.gallery_images = _array(self.gallery_images, np.int32)
        self._check()

    def _check(self) -> None:
        queries, images = len(self.query_images), len(self.images)
        lengths = {
            'query_ids': (len(self.query_ids), queries),
            'query_boxes': (len(self.query_boxes), queries),
            'relevant_offsets': (len(self.relevant_offsets), queries + 1),
            'relevant_images': (
                len(self.relevant_images),
                self.relevant_offsets[-1],
            ),
            'relevant_boxes': (
                len(self.relevant_boxes),
                len(self.relevant_images),
            ),
            'relevant_counts': (
                len(self.relevant_counts),
                len(self.relevant_images),
            ),
        }
        if self.image_groups is not None:
            lengths['image_groups'] = len(self.image_groups), images
        if self.image_sizes is not None:
            lengths['image_sizes'] = len(self.image_sizes), images
        if self._listed:
            lengths['gallery_offsets'] = len(self.gallery_offsets), queries + 1
            lengths['gallery_images'] = (
                len(self.gallery_images),
                self.gallery_offsets[-1],
            )
        for key, (got, wanted) in lengths.items():
            if got != wanted:
                raise UserError(
                    f'protocol {self.name!r}: {key} has {got} '
                    f'entries, not {wanted}'
                )
        for key in ('relevant_offsets', 'gallery_offsets'):
            offsets = getattr(self, key)
            if offsets is not None and (
                offsets[0] != 0 or (np.diff(offsets) < 0).any()
            ):
                raise UserError(
                    f'protocol {self.name!r}: {key} must start at 0 and '
                    'never fall'
                )
        if self.scope not in SCOPES:
            raise UserError(
                f'protocol {self.name!r}: scope {self.scope!r} '
                f'is none of {SCOPES}'
            )
        if self.scope == 'listed' and not self._listed:
            raise UserError(
                f'protocol {self.name!r}: scope "listed" needs gallery_images'
            )
        if self.scope.endswith('group') and self.image_groups is None:
            raise UserError(
                f'protocol {self.name!r}: scope {self.scope!r} '
                'needs image_groups'
            )
        for key in ('query_images', 'relevant_images', 'gallery_images'):
            used = getattr(self, key)
            if (
                used is not None
                and len(used)
                and not (used.min() >= 0 and used.max() < images)
            ):
                raise UserError(
                    f'protocol {self.name!r}: {key} names an '
                    f'image beyond the {images} listed'
                )

    @property
    def num_queries(self) -> int:
        return len(self.query_images)

    @property
    def query_bboxes(self) -> np.ndarray:
        """The query boxes, (Q, 4) float64 xyxy, pixels, not rounded."""
        corners = self.query_boxes.copy()
        corners[:, 2:] += corners[:, :2]
        return corners

    def relevant(self, query: int) -> slice:
        """The entries of the relevant_* arrays that belong to a query."""
        return slice(*self.relevant_offsets[query : query + 2])

    def listed(self, query: int) -> np.ndarray:
        """The images listed for a query in their order, (E,) int.

        Empty where the protocol has no lists.
        """
        if not self._listed:
            return np.zeros(0, np.int64)
        return self.gallery_images[
            self.gallery_offsets[query] : self.gallery_offsets[query + 1]
        ]

    def image_weights(self, query: int) -> np.ndarray:
        """How often each image stands in the gallery of a query, (I,) int."""
        count, own = len(self.images), self.query_images[query]
        listed = np.bincount(self.listed(query), minlength=count)
        if self.scope == 'listed':
            return listed
        if self.scope == 'all':
            weights = np.ones(count, np.int64)
        elif self.scope == 'other-group':
            weights = self.image_groups != self.image_groups[own]
        else:
            weights = self.image_groups == self.image_groups[own]
        weights = weights.astype(np.int64)
        weights[own] = 0
        if self.image_groups is not None:
            weights[self.image_groups < 0] = 0
        return np.maximum(weights, listed) if self._listed else weights

    def subset(self, queries, name: str) -> SearchProtocol:
        """The same protocol with some of the queries.

        Args:
            queries (Sequence[int]): their numbers.
            name (str): what to call it.
        """
        queries = np.asarray(queries, np.int64)
        relevant, relevant_offsets = _take(self.relevant_offsets, queries)
        changes = dict(
            name=name,
            query_images=self.query_images[queries],
            query_ids=self.query_ids[queries],
            query_boxes=self.query_boxes[queries],
            relevant_offsets=relevant_offsets,
            relevant_images=self.relevant_images[relevant],
            relevant_boxes=self.relevant_boxes[relevant],
            relevant_counts=self.relevant_counts[relevant],
        )
        if self._listed:
            listed, offsets = _take(self.gallery_offsets, queries)
            changes.update(
                gallery_offsets=offsets,
                gallery_images=self.gallery_images[listed],
            )
        return replace(self, **changes)

    def with_scope(self, scope: str, name: str) -> SearchProtocol:
        """The same queries with another gallery."""
        return replace(self, scope=scope, name=name)


def _take(
    offsets: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The entries of some rows of a ragged array, and their new offsets.

    Args:
        offsets (ndarray): where each row begins, (N + 1,) int.
        rows (ndarray): the rows to take, (M,) int.

    Returns:
        tuple: (E,) int numbers of the entries, (M + 1,) int offsets.
    """
    lengths = offsets[rows + 1] - offsets[rows]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    entries = np.arange(ends[-1]) + np.repeat(
        offsets[rows] - ends[:-1], lengths
    )
    return entries, ends
