"""The synthetic sets, drawn once per test run and prepared."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from lab.synthetic.make import make_sets
from lab.synthetic.sizes import SIZES
from mmdet_ps.datasets.native.prepare import Report, prepare
from mmdet_ps.datasets.native.registry import find_folders


@dataclass
class SyntheticSet:
    """A native folder, what its generator says, and what was prepared."""

    root: Path
    truth: dict
    report: Report

    def split(self, name: str) -> dict:
        return json.loads((self.root / f'prepared/{name}.json').read_text())


@pytest.fixture(scope='session')
def synthetic(tmp_path_factory) -> dict[str, SyntheticSet]:
    out = tmp_path_factory.mktemp('synthetic')
    names = [
        name
        for name in SIZES['tiny']
        if find_spec('h5py') or name != 'cuhk03_release'
    ]
    make_sets(out, names, 0, 'tiny', 1, False, lambda _: None)
    return {
        root.name: SyntheticSet(
            root,
            json.loads((out / f'truth/{root.name}.json').read_text()),
            prepare(form, root),
        )
        for form, root in find_folders(out)
    }
