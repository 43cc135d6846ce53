"""Values that a run has logged, whatever number of times it was resumed."""

import json
from pathlib import Path

Series = dict[str, tuple[list[float], list[float]]]


def read_scalars(run: str | Path) -> Series:
    """All scalars of a run's folder, as name -> (steps, values).

    mmengine writes one ``vis_data/scalars.json`` (a JSON object per line)
    for each start of a run. Where two starts logged the same step, the later
    one counts. Lines that were cut off by an interruption are left out.
    """
    found: dict[str, dict[float, float]] = {}
    for path in sorted(Path(run).glob('*/vis_data/scalars.json')):
        for line in path.read_text(errors='replace').splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            step = row.get('step', row.get('iter'))
            if step is None:
                continue
            for name, value in row.items():
                if isinstance(value, int | float) and name != 'step':
                    found.setdefault(name, {})[step] = value
    return {
        name: (sorted(column), [column[step] for step in sorted(column)])
        for name, column in found.items()
    }


def smoothed(values: list[float], window: int = 5) -> list[float]:
    """The mean of each value and the ``window`` - 1 values before it.

    At the start there are fewer before it.
    """
    return [
        sum(values[max(0, i - window + 1) : i + 1])
        / (i + 1 - max(0, i - window + 1))
        for i in range(len(values))
    ]
