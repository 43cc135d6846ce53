"""The search itself: detections and a protocol in, rankings and scores out.

Nothing here reads a file, and numpy is all it takes.
"""

from .average_precision import SearchScores, average_precision, found_within
from .search_ranking import rank, rank_all

__all__ = [
    'SearchScores',
    'average_precision',
    'found_within',
    'rank',
    'rank_all',
]
