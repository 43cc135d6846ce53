"""mmengine's runner, with this package's rules for norms and recomputing."""

from __future__ import annotations

import torch
from mmengine.model import convert_sync_batchnorm
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.utils.errors import UserError


@RUNNERS.register_module()
class SearchRunner(Runner):
    """Runs a training as mmengine does, but for two options.

    ``sync_bn`` leaves the norms of embeddings as they are. These take the
    rows of all processes anyway, and any number of them, even none.

    ``activation_checkpointing`` is refused: mmengine's way of it gives no
    gradient to a part whose input needs none, which every backbone is.
    """

    def wrap_model(
        self, model_wrapper_cfg: dict | None, model: nn.Module
    ) -> nn.Module:
        """Bring a model to its device, and wrap it for several processes.

        Raises:
            UserError: ``activation_checkpointing``, or ``sync_bn`` without a
                GPU.
        """
        modules = self.cfg.get('activation_checkpointing')
        if modules is not None:
            raise UserError(
                f'activation_checkpointing={modules!r}: write '
                'model.backbone.with_cp=True instead (model.detector... in a '
                'pre-training)'
            )
        implementation = self.cfg.pop('sync_bn', None)
        if implementation is not None and self.distributed:
            if not torch.cuda.is_available():
                raise UserError(
                    f'sync_bn={implementation!r}: these norms need GPUs; '
                    'leave it out'
                )
            convert_norms(model, implementation)
        return super().wrap_model(model_wrapper_cfg, model)


def convert_norms(module: nn.Module, implementation: str) -> None:
    """Let the batch norms within a module see the images of all processes.

    Args:
        module: Is changed; its parameters stay the same objects.
        implementation: ``'torch'`` or ``'mmcv'``.
    """
    for name, child in module.named_children():
        if isinstance(child, SmallBatchNorm1d):
            continue
        if isinstance(child, _BatchNorm):
            converted = convert_sync_batchnorm(child, implementation)
            module.add_module(name, converted.train(child.training))
        else:
            convert_norms(child, implementation)
