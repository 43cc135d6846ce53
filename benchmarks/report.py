"""From times to rows, and from rows to a page."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Slower by less than this does not count, however sure it is.
LEAST = 1.05


def quartile_range(values: Sequence[float]) -> float:
    """Distance between the quarter of the least and that of the greatest."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return high - low


def row_of(
    part: str,
    case: str,
    own: Sequence[float],
    reference: Sequence[float] | None,
    guarded: bool = True,
    **more,
) -> dict:
    """What a case took.

    Args:
        part, case: Their names.
        own: Seconds of each run.
        reference: Seconds of the reference's run in the same turn.
        guarded: Whether it counts when this is slower.
        **more: Further entries.

    Returns:
        dict: ``median_s``, ``spread_s`` (between the quartiles) and, with a
        reference, ``reference_s``, ``ratio`` (the median of the turns: how
        many times faster this is), ``ratio_noise`` (half of the interval that
        holds the true median 95 times in 100, as of a notched box plot) and
        ``slower``: whether it is slower than the noise explains.
    """
    row = dict(
        part=part,
        case=case,
        median_s=statistics.median(own),
        spread_s=quartile_range(own),
        reference_s=None,
        ratio=None,
        ratio_noise=None,
        slower=False,
        runs=len(own),
        **more,
    )
    if reference:
        ratios = [b / a for a, b in zip(own, reference) if a > 0]
        row['reference_s'] = statistics.median(reference)
        if ratios:
            noise = 1.58 * quartile_range(ratios) / len(ratios) ** 0.5
            ratio = statistics.median(ratios)
            row.update(ratio=ratio, ratio_noise=noise)
            row['slower'] = guarded and (ratio + noise) * LEAST < 1
    return row


def seconds(value: float | None) -> str:
    """A time in the unit that suits it."""
    if value is None:
        return ''
    if value >= 1:
        return f'{value:.2f} s'
    if value >= 1e-3:
        return f'{1000 * value:.1f} ms'
    return f'{1e6 * value:.0f} us'


def cells(row: dict) -> list[str]:
    """A row of the table."""
    ratio = ''
    if row['ratio'] is not None:
        ratio = f'{row["ratio"]:.2f} ± {row["ratio_noise"]:.2f}'
        ratio += ', slower' * row['slower']
    peak = row.get('peak_mib')
    return [
        row['case'] + ' (quick)' * row.get('quick', False),
        seconds(row['median_s']),
        seconds(row['spread_s']),
        seconds(row['reference_s']),
        row.get('against') or '',
        ratio,
        '' if peak is None else f'{peak:.0f}',
    ]


HEAD = [
    'case',
    'median',
    'spread',
    'reference',
    'which is',
    'times faster',
    'MiB',
]


def table(rows: Sequence[dict]) -> str:
    """Markdown tables, one per part."""
    lines = []
    parts = dict.fromkeys(row['part'] for row in rows)
    parts.pop('growth', None)  # has a section of its own
    for part in parts:
        lines += ['', f'## {part.capitalize()}', '']
        lines.append(f'| {" | ".join(HEAD)} |')
        lines.append('| :-- | --: | --: | --: | :-- | --: | --: |')
        lines += [
            f'| {" | ".join(cells(row))} |'
            for row in rows
            if row['part'] == part
        ]
    return '\n'.join(lines[1:]) + '\n'


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        with open('/proc/cpuinfo') as lines:
            for line in lines:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


PAGE = """\
# Performance

This page says what the parts of the project take, so that a change that makes
one slower is seen; [another page](results/originals.md) compares it with the
original projects. It is written by

```
{commands}
```

with `--json` for each and, after the last, `--page docs/performance.md`.
Quick runs are of thin networks, small pictures and smaller problems.

Every figure is the median of several runs, with the distance between their
quartiles. A reference is run in turns with it, and "times faster" is the
median of the ratios of the turns with the noise of that median; it says
"slower" where the noise cannot explain it. MiB is what the work takes in
memory at its peak, beyond what was taken before. Compare ratios between
machines, not seconds. {clock}

* Machine: {processor}, cores: {cores}, threads: {threads}, device: {device}.
* Versions: {versions}.
* Measured {date} at commit {commit}.{state}

{table}{growth}
## Where the time of a prediction goes

On a CPU it is arithmetic. Computed plainly, SeqNet's first stage alone
multiplies and adds 242 billion times for the 300 regions of a picture, and a
core of the processor above can do 60 billion in a second in single precision;
convolutions reach two thirds to nine tenths of that. What lessens it, with the
same answers but for rounding:

* Norms are folded into the convolutions, which saves a twentieth to a tenth.
* With the channels of a pixel together in memory, 1x1 convolutions are up to
  twice as fast.
* 3x3 convolutions of 256 and more channels take Winograd's way, with a third
  of the multiplications and, with the products' lower speed, a third to two
  thirds of the time. Their filters are kept as this way needs them, in 200 to
  400 MiB for a ResNet-50.
* SeqNet's first stage, OIM and NAE compute their first convolutions on the
  map, where regions that overlap share them.
* Regions are computed in pieces whose buffers the process has already. Larger
  ones come from the system anew each time, which took an eighth of the time.

More than that takes fewer digits (`--half`), fewer regions or a smaller
network. Thin networks and small pictures gain little, because their
convolutions are too small for any of this to matter.
"""


def git(*words: str) -> str:
    """What git answers, nothing where it fails."""
    done = subprocess.run(
        ['git', '-C', str(ROOT), *words], capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else ''


def command() -> str:
    """What was asked for, but for where the answers go."""
    kept, skips = [], False
    for word in sys.argv[1:]:
        if word.startswith('--'):
            skips = word in ('--json', '--page', '--rows', '--verbose')
        if not skips:
            kept.append(word)
    return f'python benchmarks/run.py {shlex.join(kept)}'.strip()


def page(rows: list[dict], growth: str = '') -> str:
    """The rows, with what they were measured on, and a section of those of
    the part "growth"."""
    packages = ('torch', 'torchvision', 'mmdet', 'mmcv', 'mmengine')
    versions = []
    for package in packages:
        with contextlib.suppress(Exception):
            names = (package, f'onedl-{package}', f'onedl-{package}ection')
            found = next(v for v in map(version_or_none, names) if v)
            versions.append(f'{package} {found}')
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return PAGE.format(
        commands='\n'.join(dict.fromkeys(row['command'] for row in rows)),
        clock='Times are those of the\nprocessor, which other programs '
        'lengthen only little.'
        if any(row['clock'] == 'processor' for row in rows)
        else '',
        processor=processor(),
        cores=cores,
        threads=os.environ.get('OMP_NUM_THREADS', cores),
        device=', '.join(dict.fromkeys(row['device'] for row in rows)),
        versions=', '.join([f'Python {sys.version.split()[0]}', *versions]),
        commit=git('rev-parse', '--short', 'HEAD') or 'unknown',
        date=datetime.date.today(),
        state=f' Other programs were running (load {load:.0f}).'
        if load > cores + 1
        else '',
        table=table(rows),
        growth=growth,
    )


def version_or_none(package: str) -> str | None:
    """Installed version of a package."""
    with contextlib.suppress(Exception):
        return version(package)
    return None
