"""Hooks."""

from .checked_load_hook import CheckedLoadHook
from .constant_rate_hook import ConstantRateHook
from .identity_state_hook import IdentityStateHook
from .iteration_seed_hook import IterationSeedHook
from .proposal_visualization_hook import ProposalVisualizationHook
from .ranking_visualization_hook import RankingVisualizationHook

__all__ = [
    'CheckedLoadHook',
    'ConstantRateHook',
    'IdentityStateHook',
    'IterationSeedHook',
    'ProposalVisualizationHook',
    'RankingVisualizationHook',
]
