"""Dense heads."""

from .alignps_head import AlignPSHead
from .batched_rpn_head import BatchedRPNHead
from .logit_ranked_rpn_head import LogitRankedRPNHead

__all__ = ['AlignPSHead', 'BatchedRPNHead', 'LogitRankedRPNHead']
