"""Says in a checkpoint which of its entries belong to the persons trained."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmdet_ps.models.losses import IdentityLoss, SceneMemory
from mmdet_ps.utils.pretrained_weights import IDENTITY_STATE


@HOOKS.register_module()
class IdentityStateHook(Hook):
    """Lists what holds the persons of a training in every checkpoint.

    The memories and classifiers of identity losses and of the filter of the
    gallery are of no use to another training. The list,
    ``meta['identity_state']``, names the modules as ``state_dict`` does, so
    that ``tools/model_converters/format_pretrained_weights.py`` need not guess
    them from their names.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the list to the checkpoint's ``meta``."""
        checkpoint['meta'][IDENTITY_STATE] = identity_state_of(runner.model)


def identity_state_of(model: nn.Module) -> list[str]:
    """Names of the modules of a model that hold the persons of a training."""
    return names_of(model, IdentityLoss, SceneMemory)


def names_of(model: nn.Module, *kinds: type[nn.Module]) -> list[str]:
    """Names of the modules of a model, or of a wrapped one, of some types."""
    model = model.module if is_model_wrapper(model) else model
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, kinds)
    ]
