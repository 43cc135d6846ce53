"""One tiny synthetic world for all tests of this folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.synthetic import available_sets, make_sets


@pytest.fixture(scope='session')
def tiny_world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('world')
    make_sets(out, available_sets('tiny'), 0, 'tiny', 1, False, lambda _: None)
    return out


@pytest.fixture(scope='session')
def truth_of(tiny_world) -> Callable[[str], dict]:
    """The generator's own record of a set of the tiny world."""

    def load(name: str) -> dict:
        return json.loads((tiny_world / f'truth/{name}.json').read_text())

    return load
