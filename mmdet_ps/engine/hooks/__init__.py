"""Hooks."""

from .channels_last_hook import ChannelsLastHook
from .checked_load_hook import CheckedLoadHook
from .constant_rate_hook import ConstantRateHook
from .enough_data_hook import EnoughDataHook
from .exact_resume_hook import ExactResumeHook
from .finite_loss_hook import FiniteLossHook
from .identity_state_hook import IdentityStateHook
from .iteration_seed_hook import IterationSeedHook
from .norm_statistics_hook import NormStatisticsHook
from .proposal_visualization_hook import ProposalVisualizationHook
from .ranking_visualization_hook import RankingVisualizationHook
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'ChannelsLastHook',
    'CheckedLoadHook',
    'ConstantRateHook',
    'IdentityStateHook',
    'EnoughDataHook',
    'ExactResumeHook',
    'FiniteLossHook',
    'IterationSeedHook',
    'NormStatisticsHook',
    'ProposalVisualizationHook',
    'RankingVisualizationHook',
    'WholeCheckpointHook',
]
