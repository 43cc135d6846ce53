"""Hooks."""

from .checked_load_hook import CheckedLoadHook
from .iteration_seed_hook import IterationSeedHook
from .proposal_visualization_hook import ProposalVisualizationHook
from .ranking_visualization_hook import RankingVisualizationHook

__all__ = [
    'CheckedLoadHook',
    'IterationSeedHook',
    'ProposalVisualizationHook',
    'RankingVisualizationHook',
]
