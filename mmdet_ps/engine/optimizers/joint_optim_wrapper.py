"""Several optimizers behind one backward pass."""

import math
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from .mixed_precision_wrapper import MixedPrecisionOptimWrapper


class JointOptimWrapper(OptimWrapperDict):
    """Steps all its optimizers after one common backward pass.

    mmengine's ``OptimWrapperDict`` leaves the order of backward passes and
    steps to the model. Here the losses are simply summed, so an ordinary
    ``train_step`` will do. Gradient accumulation, mixed precision (one loss
    scale for all) and clipping (one norm for all) work as with one optimizer;
    schedulers and learning rates have the names of the parts.

    Args:
        clip_grad (dict, optional): arguments of ``clip_grad_norm_``.
        **wrappers (OptimWrapper): the optimizer wrapper of each part, alike
            but for the optimizer.
    """

    def __init__(
        self, clip_grad: dict | None = None, **wrappers: OptimWrapper
    ) -> None:
        super().__init__(**wrappers)
        self.clip_grad = clip_grad
        self.lead = next(iter(wrappers.values()))
        self.loss_scaler = getattr(self.lead, 'loss_scaler', None)
        for wrapper in wrappers.values():
            if self.loss_scaler is not None:
                wrapper.loss_scaler = self.loss_scaler

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimizers of all parts."""
        return [wrapper.optimizer for wrapper in self.values()]

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict | None = None,
        zero_kwargs: dict | None = None,
    ) -> None:
        """One backward pass of a scalar loss and, when due, all steps."""
        self.backward(self.lead.scale_loss(loss))
        if self.lead.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: Tensor, **kwargs) -> None:
        """Backward pass of a scalar loss."""
        self.lead.backward(loss, **kwargs)

    def step(self, **kwargs) -> None:
        """Clip, then step every optimizer, or none if a gradient of any
        overflows."""
        if self.loss_scaler is not None:
            for optimizer in self.optimizers:
                self.loss_scaler.unscale_(optimizer)
        norm = self._clip() if self.clip_grad else None
        if self.loss_scaler is None:
            for optimizer in self.optimizers:
                optimizer.step(**kwargs)
            return
        if norm is None:
            gradients = [parameter.grad for parameter in self._trained()]
            norm = float(nn.utils.get_total_norm(gradients))
        skipped = self.loss_scaler.is_enabled() and not math.isfinite(norm)
        if not skipped:
            for optimizer in self.optimizers:
                self.loss_scaler.step(optimizer, **kwargs)
        # None lets it find the scale, a number keeps it at that.
        self.loss_scaler.update(
            getattr(self.lead, '_scale_update_param', None)
        )
        if isinstance(self.lead, MixedPrecisionOptimWrapper):
            self.lead.log_skipped(skipped)

    def zero_grad(self, **kwargs) -> None:
        """Forget the gradients; options as of an optimizer, which mmengine
        would leave out."""
        for wrapper in self.values():
            wrapper.zero_grad(**kwargs)

    def _trained(self) -> list[nn.Parameter]:
        """The parameters of all optimizers that have gradients."""
        return [
            parameter
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]

    def _clip(self) -> float:
        """Clip the norm of all gradients together; returns it."""
        norm = nn.utils.clip_grad_norm_(self._trained(), **self.clip_grad)
        self.lead.message_hub.update_scalar('train/grad_norm', float(norm))
        return float(norm)

    @contextmanager
    def optim_context(self, model: nn.Module):
        """Precision and gradient synchronisation of a forward pass."""
        with self.lead.optim_context(model):
            yield

    def initialize_count_status(
        self, model: nn.Module, init_counts: int, max_counts: int
    ) -> None:
        """Tell the position in the training, for accumulation."""
        self.lead.initialize_count_status(model, init_counts, max_counts)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """A loss divided by the number of accumulated steps."""
        return self.lead.scale_loss(loss)

    def should_update(self) -> bool:
        """Whether this step ends an accumulation."""
        return self.lead.should_update()
