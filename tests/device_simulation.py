"""A GPU that is not there: CPU tensors that say they are on one.

Inside ``SimulatedDevice()`` every storage has a tag, ``cpu`` or ``cuda``.
``.to('cuda')``, ``device='cuda'`` and the like set it instead of moving
anything, ``.device`` and ``.is_cuda`` answer by it, and every operator hands
it on, in the forward and in the backward pass. So code runs the branches that
it has for a GPU, and three things become visible without one:

* operators that mix tensors of both places raise :class:`MixedDevices`;
* ``.numpy()`` of a tensor on the GPU raises it, too, as it would there;
* every place where the host waits for the GPU is counted (``waits``).

What it cannot see: kernels that only a GPU has, their rounding and memory.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import _engine_run_backward
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

CPU, CUDA = 'cpu', 'cuda'
DEVICE = torch.device(CUDA, 0)
# Operators whose result has a size that the values decide, or is a value: on
# a GPU the host has to wait for it.
WAITING = {
    '_local_scalar_dense',
    'nonzero',
    'masked_select',
    'equal',
    'is_nonzero',
    'bincount',
    'histc',
    '_unique2',
    'unique_dim',
    'unique_consecutive',
    'unique_dim_consecutive',
    'argwhere',
    'nms',  # torchvision copies its result to the host and back
}
# Of these the index may be on the host, whatever it points into.
INDEXING = {'index', 'index_put', 'index_put_', '_index_put_impl_'}
# They bring tensors from one place to the other.
COPYING = {'copy_', '_to_copy'}
PACKAGES = ('mmdet_ps', 'mmdet', 'mmengine', 'mmcv')


class MixedDevices(RuntimeError):
    """Tensors of the host and of the GPU met in one operator."""


class SimulatedDevice:
    """Use as a context manager.

    Attributes:
        waits: How often the host waited, by ``(package, place)``: the
            innermost frame of one of ``PACKAGES``, as ``file:line``.
    """

    def __init__(self) -> None:
        self.waits: Counter[tuple[str, str]] = Counter()
        # Storages stay alive, or the address of one would be used again.
        self._tags: dict[int, tuple[str | None, Any]] = {}
        self._modes = (_Functions(self), _Operators(self))

    def __enter__(self) -> SimulatedDevice:
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *error) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*error)
        self._tags.clear()

    def number_of_waits(self, *packages: str) -> int:
        """Waits since the start, of some packages or of all."""
        return sum(
            number
            for (package, _), number in self.waits.items()
            if not packages or package in packages
        )

    def tag_of(self, tensor: Tensor) -> str | None:
        """Where a tensor is; None for one that may be taken for either."""
        return self._tags.get(_key(tensor), (CPU, None))[0]

    def tag(self, tensor: Tensor, place: str | None) -> Tensor:
        """Say where a tensor is."""
        self._tags[_key(tensor)] = place, tensor.untyped_storage()
        return tensor

    def moved(self, tensor: Tensor, place: str) -> Tensor:
        """The tensor in that place, a copy if it is not there."""
        here = self.tag_of(tensor)
        if here == place:
            return tensor
        if here == CUDA:
            self.note_wait()
        return self.tag(tensor.clone(), place)

    def note_wait(self) -> None:
        """The host waits, here."""
        self.waits[_place_in_code()] += 1


class _Functions(TorchFunctionMode):
    """What Python calls: places are asked for, and tensors moved."""

    def __init__(self, device: SimulatedDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, '__name__', '')
        if name == '__get__':
            return self._property(func, args)
        handler = getattr(self, f'_{name}', None)
        if handler is not None and args and isinstance(args[0], Tensor):
            return handler(*args, **kwargs)
        place = _place(kwargs.get('device'))
        if place is not None:
            kwargs['device'] = torch.device(CPU)
        made = func(*args, **kwargs)
        given = any(isinstance(v, Tensor) for v in tree_leaves((args, kwargs)))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and (place or not given):
                # Without a device Python makes it on the host.
                self.device.tag(tensor, place or CPU)
        return made

    def _property(self, func, args: tuple) -> Any:
        """``.device`` and ``.is_cuda``; other properties as they are."""
        if isinstance(args[0], Tensor):
            place = self.device.tag_of(args[0]) or CPU
            if func.__self__ is Tensor.device:
                return DEVICE if place == CUDA else torch.device(CPU)
            if func.__self__ is Tensor.is_cuda:
                return place == CUDA
        return func(*args)

    def _to(self, tensor: Tensor, *args, **kwargs) -> Tensor:
        place, kept = None, []
        for value in args:
            found = (
                self.device.tag_of(value)
                if isinstance(value, Tensor)
                else _place(value)
            )
            if found is None:
                kept.append(value)
                continue
            place = found
            if isinstance(value, Tensor):
                kept.append(value.dtype)
        place = _place(kwargs.pop('device', None)) or place
        if not any(isinstance(v, torch.dtype) for v in kept):
            # What is left is ``non_blocking`` and ``copy``.
            names = ('non_blocking', 'copy')
            kwargs.update(zip(names, (v for v in kept)))
            kept = []
        kwargs.pop('non_blocking', None)
        if kept or kwargs:
            here = self.device.tag_of(tensor)
            tensor = self.device.tag(tensor.to(*kept, **kwargs), here)
        return self.device.moved(tensor, place) if place else tensor

    def _cuda(self, tensor: Tensor, *args, **kwargs) -> Tensor:
        return self.device.moved(tensor, CUDA)

    def _cpu(self, tensor: Tensor, *args, **kwargs) -> Tensor:
        return self.device.moved(tensor, CPU)

    def _backward(
        self,
        tensor: Tensor,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        gradient = torch.ones_like(tensor) if gradient is None else gradient
        # This mode is off while it answers a call, and the Python code of
        # the backward pass has to see it. `torch.autograd.backward` would
        # call this again, so the engine is started as it does.
        with self:
            _engine_run_backward(
                (tensor,),
                (gradient,),
                bool(retain_graph or create_graph),
                create_graph,
                tuple(inputs or ()),
                allow_unreachable=True,
                accumulate_grad=True,
            )

    def _one_hot(self, tensor: Tensor, num_classes: int = -1) -> Tensor:
        # Only on the host the values are looked at.
        waits = self.device.waits.copy()
        made = torch.nn.functional.one_hot(tensor, num_classes)
        self.device.waits = waits
        if num_classes == -1 and self.device.tag_of(tensor) == CUDA:
            self.device.note_wait()
        return made

    def _new_tensor(self, tensor: Tensor, data: Any, **kwargs) -> Tensor:
        place = _place(kwargs.pop('device', None))
        made = Tensor.new_tensor(tensor, data, **kwargs)
        return self.device.tag(made, place or self.device.tag_of(tensor))

    def ___deepcopy__(self, tensor: Tensor, memo: dict) -> Tensor:
        # The storage is copied where no operator is seen.
        copied = Tensor.__deepcopy__(tensor, memo)
        return self.device.tag(copied, self.device.tag_of(tensor))

    def _numpy(self, tensor: Tensor, *args, **kwargs):
        if self.device.tag_of(tensor) == CUDA:
            raise MixedDevices(
                f'.numpy() of a tensor on the GPU in {_place_in_code()[1]}'
            )
        return Tensor.numpy(tensor, *args, **kwargs)

    def _tolist(self, tensor: Tensor) -> list:
        if self.device.tag_of(tensor) == CUDA:
            self.device.note_wait()
            tensor = self.device.tag(tensor.detach().clone(), CPU)
        return Tensor.tolist(tensor)


class _Operators(TorchDispatchMode):
    """What PyTorch computes, in the backward pass as well."""

    def __init__(self, device: SimulatedDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.__name__.split('.')[0]
        given = [
            value
            for value in tree_leaves((args, kwargs))
            if isinstance(value, Tensor)
        ]
        place = self._place_of(name, given)
        if place == CUDA and self._waits(name, args, kwargs):
            self.device.note_wait()
        made = func(*args, **kwargs)
        known = {_key(value) for value in given}

        def hand_on(tensor: Tensor) -> Tensor:
            if _key(tensor) not in known or not self.device.tag_of(tensor):
                self.device.tag(tensor, place)
            return tensor

        return tree_map_only(Tensor, hand_on, made)

    def _place_of(self, name: str, given: list[Tensor]) -> str | None:
        """Where an operator computes, by the tensors that it is given."""
        if name in COPYING:
            return self.device.tag_of(given[0])
        counted = given
        if name in INDEXING:
            # Indices of the host are allowed into anything.
            counted = [
                tensor
                for tensor in given
                if tensor is given[0]
                or tensor.is_floating_point()
                or self.device.tag_of(tensor) != CPU
            ]
        # A number on the host may meet anything.
        counted = [t for t in counted if t.dim() > 0] or counted
        places = {self.device.tag_of(tensor) for tensor in counted} - {None}
        if len(places) > 1:
            shapes = ', '.join(
                f'{tuple(t.shape)} on {self.device.tag_of(t)}' for t in given
            )
            raise MixedDevices(f'{name} of {shapes} in {_place_in_code()[1]}')
        # What PyTorch's own code makes of nothing is made where it is needed;
        # that of Python gets its place in the other mode.
        return places.pop() if places else None

    def _waits(self, name: str, args: tuple, kwargs: dict) -> bool:
        """Whether the host waits for the result."""
        if name == 'repeat_interleave':
            return kwargs.get('output_size') is None
        if name in INDEXING:
            return any(
                isinstance(index, Tensor)
                and index.dtype in (torch.bool, torch.uint8)
                for index in args[1]
            )
        if name == 'copy_':
            return False  # of the GPU's own tensors, or onto it
        return name in WAITING


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _place(device: Any) -> str | None:
    """The place that an argument names, None if it names none."""
    if isinstance(device, bool) or device is None:
        return None
    if isinstance(device, int):
        return CUDA
    if isinstance(device, (str, torch.device)):
        kind = torch.device(device).type
        return kind if kind in (CPU, CUDA) else None
    return None


def _place_in_code() -> tuple[str, str]:
    """Package and ``file:line`` of the innermost frame of a package."""
    frame = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        for package in PACKAGES:
            if package in path.parts:
                where = '/'.join(path.parts[path.parts.index(package) :])
                return package, f'{where}:{frame.f_lineno}'
        frame = frame.f_back
    return 'elsewhere', 'elsewhere'
