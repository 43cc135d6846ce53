"""Plain data that several folders share: no networks and no operators.

Importing it takes numpy alone.
"""

from .detections import PersonBoxes, SearchResults
from .fields import IGNORED, UNLABELLED
from .protocol_file import load_protocols, save_protocols
from .ranked_queries import RankedQueries
from .ranking import Ranking
from .search_protocol import SearchProtocol

__all__ = [
    'IGNORED',
    'UNLABELLED',
    'PersonBoxes',
    'RankedQueries',
    'Ranking',
    'SearchProtocol',
    'SearchResults',
    'load_protocols',
    'save_protocols',
]
