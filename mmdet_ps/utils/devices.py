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
