"""What a step of a training needs: memory at its peak, and operations."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from unittest import mock

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count
from torchvision.ops import roi_align

from mmdet_ps.models.detectors import alignps, person_search_rcnn
from mmdet_ps.models.roi_heads import region_features
from mmdet_ps.models.task_modules import BestOverlapSampler
from mmdet_ps.ops import (
    deform_conv,
    deform_conv_torchvision,
    roi_align_windows,
)

from .live_memory import LiveMemory, tensors_of
from .random_batch import Pictures, random_batch

GIB = 2**30
# Operators on fewer bytes are computed: on the boxes of a step, not on maps.
STAND_IN_FROM = 2**24
# Who brings maps into the layout that suits CPUs.
LAYOUTS = (alignps, person_search_rcnn, region_features)
PRECISIONS = {'fp32': None, 'fp16': torch.float16, 'bf16': torch.bfloat16}


def deformable_flops(features, weight, *_, out_shape, **__) -> int:
    """Operations of a deformable convolution, from shapes."""
    return conv_flop_count(features, weight, out_shape)


def deformable_backward_flops(gradient, features, weight, *_, **__) -> int:
    """Operations of its backward pass: to the input and to the weight."""
    return 2 * conv_flop_count(features, weight, gradient)


DEFORMABLE_FLOPS = {
    torch.ops.torchvision.deform_conv2d: deformable_flops,
    torch.ops.torchvision._deform_conv2d_backward: deformable_backward_flops,
}


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of tensors."""
    return sum(t.numel() * t.itemsize for t in tensors)


@dataclass(frozen=True)
class Cost:
    """What one training step needs; sizes in bytes.

    Attributes:
        peak: Largest sum of everything that lives at one time.
        parameters: Parameters of the model.
        buffers: Its buffers: identity memories, queues, norms' statistics.
        gradients: Gradients of the parameters that train.
        optimizer: State of the optimizers.
        average: A second copy of the model, for averaged weights; 0 without
            these.
        flops: Operations of the step; a multiplication with an addition
            counts as two.
    """

    peak: int
    parameters: int
    buffers: int
    gradients: int
    optimizer: int
    average: int
    flops: int


def step_cost(
    cfg: Config,
    pictures: Sequence[Pictures],
    precision: str = 'fp32',
    stand_in_from: int | None = STAND_IN_FROM,
) -> Cost:
    """Find what a step of a training needs, from its second one on.

    Args:
        cfg: Configuration of the training.
        pictures: What the batch consists of.
        precision: ``'fp32'``, or ``'fp16'`` or ``'bf16'`` for mixed precision.
        stand_in_from: See :class:`LiveMemory`; None computes the step, on
            the CPU.
    """
    training = SmallTraining(cfg, precision)
    batch = training.batch(pictures)
    memory = LiveMemory(stand_in_from)
    computed = stand_in_from is None
    with kernels_of_gpus(computed), all_persons_proposed(), memory:
        memory.watch(training.tensors())
        training.begin()
        counter = FlopCounterMode(
            display=False, custom_mapping=DEFORMABLE_FLOPS
        )
        memory.peak = memory.live
        with counter:
            training.step(batch)
    average = training.averages * (training.parameters + training.buffers)
    return Cost(
        peak=memory.peak + average,
        parameters=training.parameters,
        buffers=training.buffers,
        gradients=training.gradients,
        optimizer=training.optimizer_state(),
        average=average,
        flops=counter.get_total_flops(),
    )


def measured_peak(
    cfg: Config, pictures: Sequence[Pictures], precision: str = 'fp32'
) -> int:
    """Bytes that a step really took at its peak, on the current GPU.

    Args:
        cfg, pictures, precision: As of :func:`step_cost`.
    """
    training = SmallTraining(cfg, precision, 'cuda')
    batch = training.batch(pictures)
    training.begin()
    with all_persons_proposed():
        training.step(batch)
        torch.cuda.reset_peak_memory_stats()
        training.step(batch)
    return torch.cuda.max_memory_allocated()


class SmallTraining:
    """A model with its optimizers, and steps of it.

    Args:
        cfg: Configuration of the training.
        precision: One of ``PRECISIONS``.
        device: Where it trains.
    """

    def __init__(
        self, cfg: Config, precision: str, device: str = 'cpu'
    ) -> None:
        self.device = device
        self.dtype = PRECISIONS[precision]
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmdet'):
            # Weights at random: none of the figures depends on them.
            self.model: nn.Module = MODELS.build(copy.deepcopy(cfg.model))
            self.model.to(device).train()
            self.wrapper = plain_optimizers(self.model, cfg)
        self.accumulates = cfg.optim_wrapper.get('accumulative_counts', 1) > 1
        self.averages = sum(
            hook['type'] == 'EMAHook' for hook in cfg.get('custom_hooks') or ()
        )
        self.parameters = bytes_of(self.model.parameters())
        self.buffers = bytes_of(self.model.buffers())
        self.gradients = bytes_of(
            p for p in self.model.parameters() if p.requires_grad
        )

    def batch(self, pictures: Sequence[Pictures]) -> dict:
        """A batch of noise."""
        counts = [
            module.num_identities
            for module in self.model.modules()
            if hasattr(module, 'num_identities')
        ]
        return random_batch(pictures, min(counts, default=0))

    def tensors(self) -> Iterator[Tensor]:
        """Everything that lives between steps, before the first one."""
        yield from self.model.parameters()
        yield from self.model.buffers()

    def optimizer_state(self) -> int:
        """Bytes of the state of all optimizers."""
        optimizers = getattr(self.wrapper, 'optimizers', None)
        return sum(
            bytes_of(tensors_of(list(optimizer.state.values())))
            for optimizer in optimizers or [self.wrapper.optimizer]
        )

    def begin(self) -> None:
        """Let the optimizers have the state they have between steps."""
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)
        self.wrapper.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Forget the gradients; they keep their memory if some are
        accumulated over steps."""
        self.wrapper.zero_grad(set_to_none=not self.accumulates)

    def step(self, batch: dict) -> None:
        """Train on a batch.

        Where gradients are accumulated, it is a step that finds some.
        """
        # The preprocessor changes what it gets.
        batch = copy.deepcopy(batch)
        with torch.autocast(
            self.device, self.dtype, enabled=self.dtype is not None
        ):
            data = self.model.data_preprocessor(batch, True)
            del batch
            losses = self.model(**data, mode='loss')
        loss, _ = self.model.parse_losses(losses)
        del data, losses
        self.wrapper.backward(loss)
        self.wrapper.step()
        self.zero_grad()


def plain_optimizers(model: nn.Module, cfg: Config) -> OptimWrapper:
    """The optimizers of a training, which step on every batch."""
    options = copy.deepcopy(cfg.optim_wrapper)
    options.type = 'OptimWrapper'
    for name in ('loss_scale', 'dtype', 'accumulative_counts'):
        options.pop(name, None)
    return build_optim_wrapper(model, options)


@contextlib.contextmanager
def kernels_of_gpus(computed: bool) -> Iterator[None]:
    """Let the CPU keep what GPUs keep.

    Deformable convolutions and RoIAlign are other kernels there, maps stay as
    they lie, and mixed precision computes some norms in single precision.

    Args:
        computed: Whether the step is really computed.
    """
    changes = [
        (deform_conv, 'deform_conv_rows', deform_conv_torchvision),
        (roi_align_windows, 'pool', roi_align),
        *[(part, 'channels_innermost', lambda maps: maps) for part in LAYOUTS],
        *[
            (functional, name, in_single(getattr(functional, name)))
            for name in ('group_norm', 'layer_norm')
        ],
    ]
    if not computed:
        # The sum that it writes stands in for another, as does what it reads.
        changes.append((roi_align_windows, 'add_gradient', lambda *_: None))
    with contextlib.ExitStack() as stack:
        for change in changes:
            stack.enter_context(mock.patch.object(*change))
        yield


@contextlib.contextmanager
def all_persons_proposed() -> Iterator[None]:
    """Let every person have as many RoIs as re-identification trains on.

    The proposals of a network at random meet few persons, those of a trained
    one meet all, many times, and RoIs of persons are not filled up with
    others (BSL).
    """
    sample = BestOverlapSampler.sample_images

    def sample_images(
        sampler: BestOverlapSampler,
        images: list[tuple[Tensor, Tensor, Tensor]],
    ) -> list[tuple[Tensor, Tensor]]:
        return sample(
            sampler,
            [
                (torch.cat([proposals, *[boxes] * sampler.num_per_person]),
                 boxes, person_ids)
                for proposals, boxes, person_ids in images
            ],
        )  # fmt: skip

    with mock.patch.object(BestOverlapSampler, 'sample_images', sample_images):
        yield


def in_single(norm: Callable) -> Callable:
    """A norm that takes its input in single precision under autocast."""

    def in_single_precision(x: Tensor, *args, **kwargs) -> Tensor:
        if torch.is_autocast_enabled('cpu'):
            x = x.float()
        return norm(x, *args, **kwargs)

    return in_single_precision
