"""One tiny synthetic world for all tests of this folder."""

from pathlib import Path

import pytest

from mmdet_ps.synthetic import SIZES, make_sets


@pytest.fixture(scope='session')
def tiny_world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('world')
    make_sets(out, list(SIZES['tiny']), 0, 'tiny', 1, False, lambda _: None)
    return out
