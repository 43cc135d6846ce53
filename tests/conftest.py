"""Shared by all tests."""

import mmdet_ps  # noqa: F401  # the operators, before anything of mmdet
