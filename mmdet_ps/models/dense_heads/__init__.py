"""Dense heads."""

from .alignps_head import AlignPSHead
from .logit_ranked_rpn_head import LogitRankedRPNHead

__all__ = ['AlignPSHead', 'LogitRankedRPNHead']
