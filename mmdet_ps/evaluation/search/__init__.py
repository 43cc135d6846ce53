"""Pure functions: detections and a protocol in, rankings and scores out."""

from .average_precision import SearchScores, average_precision, found_within
from .search_ranking import rank, rank_all

__all__ = [
    'SearchScores',
    'average_precision',
    'found_within',
    'rank',
    'rank_all',
]
