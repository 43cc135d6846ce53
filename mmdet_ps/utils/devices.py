"""Devices by name."""

import torch

from .errors import UserError


def require_device(name: str) -> torch.device:
    """The device of a name, if it is there.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ...

    Raises:
        UserError: It is no device, or not one of this machine.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(
            f'device {name!r}: there is none of this name; name cpu, cuda, or '
            'cuda:1 for the second GPU'
        ) from error
    if device.type == 'cuda':
        count = torch.cuda.device_count() * torch.cuda.is_available()
        if (device.index or 0) >= count:
            raise UserError(
                f'device {name!r}: PyTorch sees {count or "no"} GPU here; '
                'name cpu, or ask tools/check_env.py why'
            )
    return device


def choose_device(name: str) -> str:
    """The name of a device; ``auto`` is a GPU where there is one."""
    if name == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    return name


def half_precision(device: torch.device) -> torch.dtype:
    """The half-precision type that a device is asked to compute in.

    Raises:
        UserError: It is a CPU that does not compute in it, which would be
            slower than in single precision.
    """
    if device.type != 'cpu':
        return torch.float16
    # PyTorch before 2.9 does not tell.
    known = getattr(torch.cpu, 'get_capabilities', dict)()
    if known and not any(
        there for name, there in known.items() if 'bf16' in name
    ):
        raise UserError(
            'half precision: this CPU does not compute in bfloat16, and would '
            'only be slower; leave the option out'
        )
    return torch.bfloat16
