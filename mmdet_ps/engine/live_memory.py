"""Counts the memory of live tensors, with or without allocating it."""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

# PyTorch's allocator for GPUs rounds up to multiples of this.
ROUNDING = 512  # bytes
# Linux's MAP_NORESERVE: address space alone, no promise of memory.
NO_RESERVE = 0x4000
FIRST_MAPPING = 2**32  # bytes
# No stand-ins below this: they would cost more than they save.
SMALL = 4096  # bytes
# What is never computed where tensors stand in for others.
HEAVY = {
    'aten::convolution',
    'aten::convolution_backward',
    'aten::_native_batch_norm_legit',
    'aten::native_batch_norm',
    'aten::native_batch_norm_backward',
    'torchvision::deform_conv2d',
    'torchvision::_deform_conv2d_backward',
    'torchvision::roi_align',
    'torchvision::_roi_align_backward',
}
# What makes a tensor of nothing.
FACTORIES = {
    f'aten::{prefix}{name}'
    for prefix in ('', 'new_')
    for name in ('empty', 'zeros', 'empty_strided', 'full')
} | {'aten::empty_like', 'aten::zeros_like'}
# A view, which the schema does not tell.
VIEWS = {'aten::_unsafe_view'}


class LiveMemory(TorchDispatchMode):
    """While it is active, counts the bytes of all storages that live.

    What an operator needs within its kernel is not seen, but for the columns
    of deformable convolutions, which are larger than its output.

    With ``stand_in_from``, a step is followed without its cost: convolutions
    and whatever follows from them on large tensors are not computed, and
    their output is a *stand-in*, a tensor of the right shape and strides
    whose memory is never written and reads as zero. Everything else, such as
    choosing proposals, matching and sampling, runs on these zeros as it
    would on other values.

    Args:
        stand_in_from (int, optional): operators on so many bytes are not
            computed; None computes all.
    """

    def __init__(self, stand_in_from: int | None = None) -> None:
        super().__init__()
        self.stand_in_from = stand_in_from
        self.live = self.peak = 0
        self._sizes: dict[int, int] = {}
        self._stand_ins: set[int] = set()
        self._mapping = None

    def watch(self, tensors: Iterable[Tensor]) -> None:
        """Count tensors that were made before."""
        for tensor in tensors:
            self._count(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run or skip an operator, and count what it made."""
        kwargs = kwargs or {}
        result = self._run(func, args, kwargs)
        for tensor in tensors_of(result):
            self._count(tensor)
        extra = columns_of(func, args)
        self.peak = max(self.peak, self.live + extra)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        size = -(-storage.nbytes() // ROUNDING) * ROUNDING
        self._sizes[key] = size
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.live -= self._sizes.pop(key)
        self._stand_ins.discard(key)

    def _is_stand_in(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._stand_ins

    def _run(self, func, args: tuple, kwargs: dict):
        """What an operator returns, or stand-ins of the same form."""
        name = func._schema.name
        if self.stand_in_from is None or func.is_view or name in VIEWS:
            return func(*args, **kwargs)
        if name not in HEAVY and func._schema.is_mutable:
            if any(map(self._is_stand_in, written(func, args, kwargs))):
                # Its memory stays as it is.
                target = kwargs.get('out', args[0])
                return target if func._schema.returns else None
            return func(*args, **kwargs)
        inputs = list(tensors_of((args, kwargs)))
        follows = any(map(self._is_stand_in, inputs))
        if follows or name in HEAVY or name in FACTORIES:
            forms = forms_of(func, args, kwargs)
            outputs = list(tensors_of(forms))
            size = sum(t.numel() * t.itemsize for t in (*inputs, *outputs))
            is_large = size >= self.stand_in_from and (
                follows or all(t.is_floating_point() for t in outputs)
            )
            if outputs and (is_large or name in HEAVY):
                return tree_map_only(Tensor, self._stand_in, forms)
        return func(*args, **kwargs)

    def _stand_in(self, like: Tensor) -> Tensor:
        """Zeros, the large ones without memory, of the form of a tensor."""
        size = like.untyped_storage().nbytes()
        if size < SMALL:
            return torch.zeros_like(like, device='cpu')
        tensor = torch.frombuffer(
            self._blank(size), dtype=like.dtype, count=size // like.itemsize
        ).as_strided(like.shape, like.stride())
        self._stand_ins.add(tensor.untyped_storage()._cdata)
        return tensor

    def _blank(self, size: int) -> mmap.mmap:
        """Memory that reads as zero, of which nothing is taken."""
        if self._mapping is None or len(self._mapping) < size:
            length = FIRST_MAPPING
            while length < size:
                length *= 2
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
            self._mapping = mmap.mmap(-1, length, flags=flags)
        return self._mapping


def tensors_of(values) -> Iterator[Tensor]:
    """The tensors in nested containers."""
    return (t for t in tree_flatten(values)[0] if isinstance(t, Tensor))


def written(func, args: tuple, kwargs: dict) -> Iterator[Tensor]:
    """The tensors that an operator writes into."""
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = (
                args[index] if index < len(args) else kwargs.get(argument.name)
            )
            yield from tensors_of(given)


def forms_of(func, args: tuple, kwargs: dict):
    """What an operator would return, on the device ``meta``; None where it
    cannot tell."""
    args, kwargs = tree_map_only(Tensor, form_of, (args, kwargs))
    makes_of_nothing = not any(True for _ in tensors_of((args, kwargs)))
    if 'device' in kwargs or makes_of_nothing:
        kwargs['device'] = torch.device('meta')
    try:
        return func(*args, **kwargs)
    except (NotImplementedError, RuntimeError):
        return None


def form_of(tensor: Tensor) -> Tensor:
    """A tensor of the same form on the device ``meta``."""
    return torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device='meta'
    )


def columns_of(func, args: tuple) -> int:
    """Bytes of the columns that a deformable convolution gathers."""
    name = func._schema.name
    if name == 'torchvision::deform_conv2d':
        features, weight, offset = args[:3]
    elif name == 'torchvision::_deform_conv2d_backward':
        features, weight, offset = args[1:4]
    else:
        return 0
    images, _, height, width = offset.shape
    per_place = features.shape[1] * weight.shape[2] * weight.shape[3]
    return images * height * width * per_place * features.itemsize
