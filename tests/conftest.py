"""Shared by all tests."""

import pytest

import mmdet_ps  # noqa: F401  # the operators, before anything of mmdet


@pytest.fixture(autouse=True)
def default_scope():
    """The scope that every configuration sets, whatever other tests left."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmdet'):
        yield
