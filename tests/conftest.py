"""Shared by all tests."""

import gc
import sys

import pytest

import mmdet_ps  # noqa: F401  # the operators, before anything of mmdet


@pytest.fixture(autouse=True)
def default_scope():
    """The scope that every configuration sets, whatever other tests left."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


class FrozenImports:
    """Hides what imports leave from the garbage collector.

    It lives to the end, and looking through it takes half a second: each data
    set that is built collects all garbage once (mmengine), and each forked
    process copies the memory that a collection touches.
    """

    def __init__(self) -> None:
        self.modules = 0

    def pytest_runtest_setup(self) -> None:
        """Freeze what there is, if many modules came in since last time."""
        if len(sys.modules) > self.modules + 200:
            gc.collect()
            gc.freeze()
            self.modules = len(sys.modules)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FrozenImports())
