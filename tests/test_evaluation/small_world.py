"""Search problems small enough to be written by hand.

The query embedding is the first unit vector; a detection of similarity s is
(s, sqrt(1 - s^2)), so that a list of similarities is all a test states.
"""

from dataclasses import dataclass, field

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol, SearchResults

PERSON = 7
FAR = [500, 500, 40, 100]  # a box that overlaps nobody else's
QUERY = [300, 20, 50, 120]


@dataclass
class SmallWorld:
    """One query and the images it is searched in.

    Args:
        images: Name -> detections (xywh box, similarity[, score]).
        relevant: (image name, xywh box) of the query's person, in order.
        listed: Names of the gallery; by default every image but the query's.
        groups: Camera of each image by name.
        query_image: Its detections are those of ``images``, plus the query
            itself unless ``images`` has the name.
    """

    images: dict
    relevant: list
    listed: list = None
    groups: dict = None
    query_image: str = 'query.jpg'
    query_box: list = field(default_factory=lambda: QUERY)
    counts: list = None
    scope: str = 'all'

    @property
    def names(self):
        return list(dict.fromkeys([self.query_image, *self.images]))

    def protocol(self, name='standard'):
        index = {image: k for k, image in enumerate(self.names)}
        more = {}
        if self.listed is not None:
            more.update(
                scope='listed',
                gallery_offsets=[0, len(self.listed)],
                gallery_images=[index[image] for image in self.listed],
            )
        else:
            more.update(scope=self.scope)
        if self.groups is not None:
            more.update(image_groups=[self.groups[n] for n in self.names])
        return SearchProtocol(
            name,
            self.names,
            [index[self.query_image]],
            [PERSON],
            [self.query_box],
            [0, len(self.relevant)],
            [index[image] for image, _ in self.relevant],
            [box for _, box in self.relevant],
            self.counts,
            **more,
        )

    def results(self):
        rows = {self.query_image: [(self.query_box, 1.0, 1.0)], **self.images}
        return SearchResults(
            boxes_of([rows[name] for name in self.names]),
            boxes_of(
                [
                    [(self.query_box, 1.0)] if name == self.query_image else []
                    for name in self.names
                ],
                PERSON,
            ),
        )


def boxes_of(images, person_id=None):
    """PersonBoxes of lists of (xywh box, similarity[, score])."""
    flat = [row for rows in images for row in rows]
    corners = np.array([row[0] for row in flat], np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    similarity = np.array([row[1] for row in flat], np.float64)
    vectors = np.stack(
        [similarity, np.sqrt(np.maximum(1 - similarity**2, 0))], axis=1
    )
    ids = None if person_id is None else np.full(len(flat), person_id)
    return PersonBoxes(
        corners.astype(np.float32),
        np.concatenate([[0], np.cumsum([len(rows) for rows in images])]),
        {'default': vectors.astype(np.float32)},
        np.array([(*row, 1.0)[2] for row in flat], np.float32),
        ids,
    )
