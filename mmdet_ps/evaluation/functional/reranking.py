"""Re-ranking of the list of one query."""

from __future__ import annotations


class Reranker:
    """Changes the similarities of one query before they are ranked."""

    @classmethod
    def build(cls, settings, boxes, image_of) -> Reranker | None:
        """What the settings ask for, None where that is nothing."""
        if settings.cbgm or settings.k_reciprocal:
            raise ValueError('re-ranking is not available yet')
        return None
