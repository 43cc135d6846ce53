"""Recorded figures of original projects, where they are at hand.

The environment variable ``PS_GOLDEN`` names their folder.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(os.environ.get('PS_GOLDEN', ''))
needs_golden = pytest.mark.skipif(
    not os.environ.get('PS_GOLDEN'), reason='PS_GOLDEN is not set'
)


def recipe():
    """The module that makes weights and inputs."""
    return load_module(FOLDER / 'golden_state.py')


def load_module(path):
    """A python file as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arrays(name):
    """The arrays of a record as tensors (half precision widened)."""
    with np.load(FOLDER / f'{name}.npz') as record:
        tensors = {k: torch.from_numpy(record[k]) for k in record}
    return {
        key: value.float() if value.dtype == torch.float16 else value
        for key, value in tensors.items()
    }


def relative_error(actual, expected):
    """Largest deviation in units of the largest expected magnitude."""
    scale = expected.abs().max().clamp(min=1e-12)
    return float((actual - expected).abs().max() / scale)


def assert_agrees(actual, expected, tolerance=1e-4):
    """Equal shape, and a relative error within the tolerance."""
    assert actual.shape == expected.shape
    assert relative_error(actual.float(), expected.float()) < tolerance


def assert_agrees_as_a_whole(actual, expected, tolerance=1e-4):
    """As above, with the length of the difference in place of its maximum.

    For values behind a batch norm over few rows, where single ones deviate
    by the rounding of another machine.
    """
    assert actual.shape == expected.shape
    error = (actual - expected).norm() / expected.norm()
    assert float(error) < tolerance
