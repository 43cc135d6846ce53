"""One side of a comparison: a process that runs cases when it is told to.

``run.py`` starts it, writes a line of JSON for each thing to do, and reads a
line for each answer. Which version of the project is timed is a matter of
``PYTHONPATH``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from pathlib import Path

from parts.case import Case, Setting, now

# The part of that name has a file of this name; the evaluator's problems
# stand in benchmarks/evaluation.py.
FILES = {'evaluation': 'evaluator'}


class Side:
    """Makes one case at a time ready, and runs it."""

    def __init__(self, root: str, device: str, quick: bool) -> None:
        self.root = Path(root)
        self.setting = Setting(device, quick)
        self.case: Case | None = None

    def names(self, part: str) -> dict:
        """The cases of a part."""
        return dict(names=list(self._cases(part)))

    def make(self, part: str, name: str) -> dict:
        """Make a case ready; the one before is forgotten."""
        self.case = None
        gc.collect()
        self.case = self._cases(part)[name](self.setting)
        return dict(reference=self.case.reference_name)

    def run(self, way: str) -> dict:
        """Run the case once, its own way or the ``'reference'``."""
        work = getattr(self.case, way)
        start = now(self.case.by_the_wall)
        steps = work()
        seconds = now(self.case.by_the_wall) - start
        return dict(seconds=seconds, steps=steps or {})

    def peak(self, way: str) -> dict:
        """Run the case once; MiB that it takes beyond what was taken."""
        gc.collect()
        before = reset_peak(self.setting.device)
        getattr(self.case, way)()
        return dict(mib=(peak_bytes(self.setting.device) - before) / 2**20)

    def _cases(self, part: str) -> dict:
        import mmdet_ps

        found = Path(mmdet_ps.__file__).resolve().parents[1]
        if found != self.root.resolve():
            raise RuntimeError(f'mmdet_ps is that of {found}')
        module = importlib.import_module(f'parts.{FILES.get(part, part)}')
        return module.CASES


def reset_peak(device: str) -> int:
    """Bytes that are taken now, from which on the peak is measured."""
    if device != 'cpu':
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return 0
    return status('VmRSS')


def peak_bytes(device: str) -> int:
    """The most bytes that were taken since ``reset_peak``."""
    if device != 'cpu':
        import torch

        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()
    return status('VmHWM')


def status(name: str) -> int:
    """A number of bytes that the kernel knows of this process; 0 where it
    does not tell."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    """Answer line by line until there is no more."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # what libraries print is no answer
    root, device, quick = sys.argv[1:]
    side = Side(root, device, quick == 'quick')
    from parts.pictures import set_threads

    set_threads()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = getattr(side, name)(*arguments)
        except Exception as error:
            traceback.print_exc()
            answer = dict(error=f'{type(error).__name__}: {error}')
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


if __name__ == '__main__':
    main()
