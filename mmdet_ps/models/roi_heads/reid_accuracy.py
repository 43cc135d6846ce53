"""How many identities come out right while training."""

import torch
from torch import Tensor


def reid_accuracy(losses: list) -> dict[str, Tensor]:
    """Share of labelled RoIs whose identity came out first, in percent."""
    values = [
        loss.accuracy
        for loss in losses
        if getattr(loss, 'accuracy', None) is not None
    ]
    return dict(acc_reid=torch.stack(values).mean()) if values else {}
