"""Mixed precision on any device, in fp16 or bf16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from mmdet_ps.utils.errors import UserError

DTYPES = ('float16', 'bfloat16')


@OPTIM_WRAPPERS.register_module()
class MixedPrecisionOptimWrapper(AmpOptimWrapper):
    """mmengine's mixed precision, which also says how often it skips a step.

    In fp16 the loss is scaled, so that small gradients are no zeros. A step
    whose gradients overflow for it is skipped, and the scale is halved; the
    number of these steps so far is logged as ``skipped_steps``. A few at the
    beginning are how the scale is found. bf16 has the range of single
    precision and needs no scale. On a CPU, which mmengine's own refuses, it
    computes the same, if not faster.

    Args:
        dtype (str): ``'float16'`` or ``'bfloat16'``.
        loss_scale (str | float | dict): ``'dynamic'``, a scale that stays, or
            options of ``torch.amp.GradScaler``.
        **kwargs: of mmengine's ``OptimWrapper``.

    Raises:
        UserError: another ``dtype``.
    """

    def __init__(
        self,
        dtype: str = 'float16',
        loss_scale: str | float | dict = 'dynamic',
        **kwargs,
    ) -> None:
        if dtype not in DTYPES:
            raise UserError(
                f'optim_wrapper.dtype is {dtype!r}: choose one of '
                f'{", ".join(DTYPES)}'
            )
        # Not the parent's, which insists on a GPU.
        OptimWrapper.__init__(self, **kwargs)
        self.device_type = torch.device(get_device()).type
        self.cast_dtype = getattr(torch, dtype)
        options = loss_scale if isinstance(loss_scale, dict) else {}
        self._scale_update_param = None
        if isinstance(loss_scale, int | float):
            self._scale_update_param = float(loss_scale)
            options = dict(init_scale=float(loss_scale))
        self.loss_scaler = torch.amp.GradScaler(
            self.device_type, enabled=dtype == 'float16', **options
        )
        self.skipped_steps = 0
        self._steps = 0
        self.optimizer.register_step_post_hook(self._note_step)

    def _note_step(self, *_) -> None:
        self._steps += 1

    def step(self, **kwargs) -> None:
        """Step, unless the gradients overflow."""
        before = self._steps
        super().step(**kwargs)
        self.log_skipped(self._steps == before)

    def log_skipped(self, skipped: bool) -> None:
        """Count a step that was skipped, and log how many were."""
        self.skipped_steps += skipped
        self.message_hub.update_scalar(
            'train/skipped_steps', self.skipped_steps
        )

    def state_dict(self) -> dict:
        """State of the optimizer, of the scale, and the count."""
        return {**super().state_dict(), 'skipped_steps': self.skipped_steps}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from a state, of mmengine's wrapper as well."""
        state_dict = dict(state_dict)
        self.skipped_steps = state_dict.pop('skipped_steps', 0)
        if not state_dict.get('loss_scaler', True):
            del state_dict['loss_scaler']  # of a training that needs none
        super().load_state_dict(state_dict)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Precision and gradient synchronisation of a forward pass."""
        with (
            OptimWrapper.optim_context(self, model),
            torch.autocast(self.device_type, self.cast_dtype),
        ):
            yield
