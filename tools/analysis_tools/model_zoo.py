"""Write docs/model_zoo.md and model-index.yml out of what is measured.

    model_zoo.py                write both
    model_zoo.py --check        fail where one is out of date
    model_zoo.py --measure [CONFIG ...]
                                first measure parameters and operations of the
                                named configurations, or of the new ones
    model_zoo.py --seconds [CONFIG ...]
                                first time a picture on this CPU, of the named
                                configurations, or of all

Published figures stand in configs/*/metafile.yml and docs/published.yml with
their source, measured ones in docs/results. What nobody measured stays empty.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
from pathlib import Path

import yaml
from mmengine.utils import track_iter_progress
from zoo_page import COSTS, metafiles, render, rows_of

from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[2]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--root', type=Path, default=ROOT)
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--measure', nargs='*', metavar='CONFIG')
    parser.add_argument('--seconds', nargs='*', metavar='CONFIG')
    return parser.parse_args(argv)


def measure(
    root: Path, wanted: list[str] | None, seconds: list[str] | None
) -> None:
    """Measure the configurations that the metafiles name.

    Args:
        root: Of the repository.
        wanted: Configurations to measure again; new ones are in any case.
        seconds: Configurations to time as well; empty for all, None for none.
    """
    # Torch and OpenMMLab, which the page itself needs not.
    from model_costs import picture_cost, picture_seconds

    import mmdet_ps.registration  # noqa: F401  registers every part
    from mmdet_ps.utils.configuration import read_config

    models = {
        model['Name']: model['Config']
        for path in metafiles(root)
        for model in yaml.safe_load(path.read_text())['Models']
    }
    again = {Path(name).stem for name in wanted or ()}
    timed = {Path(name).stem for name in seconds or ()}
    if unknown := (again | timed) - set(models):
        raise UserError(f'no metafile names {sorted(unknown)[0]}')
    if seconds is not None and not seconds:
        timed = set(models)
    commit = current_commit(root)
    known = {row['config']: row for row in rows_of(root / COSTS)}
    # Recipes that differ in what they start from need the same.
    same: dict[str, float] = {}
    for name, path in track_iter_progress(list(models.items())):
        row = known.get(name, {})
        cfg = read_config(str(root / path))
        if name in again or not row:
            cost = picture_cost(cfg)
            row = known[name] = dict(
                row,
                config=name,
                size=[cost.width, cost.height],
                parameters=cost.parameters,
                flops=cost.flops,
                commit=commit,
            )
        if name in timed:
            key = f'{row["size"]} {row["parameters"]} {row["flops"]}'
            if key not in same:
                same[key] = round(picture_seconds(cfg), 2)
            row.update(cpu_seconds=same[key], cpu=cpu_name())
    write_json(root / COSTS, [known[name] for name in models], indent=1)


def current_commit(root: Path) -> str:
    """The commit of the code."""
    return subprocess.run(
        ['git', 'rev-parse', '--short=12', 'HEAD'],
        cwd=root,
        capture_output=True,
        text=True,
    ).stdout.strip()


def cpu_name() -> str:
    """What the processor is called."""
    path = Path('/proc/cpuinfo')
    text = path.read_text() if path.is_file() else ''
    found = re.search(r'^model name\s*: (.+)$', text, re.M)
    return found[1] if found else platform.processor() or platform.machine()


def main(argv: list[str] | None = None) -> None:
    """Measure if asked for, and write what is out of date."""
    args = parse_args(argv)
    if args.measure is not None or args.seconds is not None:
        measure(args.root, args.measure, args.seconds)
    stale = {
        path: text
        for path, text in render(args.root).items()
        if not path.is_file() or path.read_text() != text
    }
    if args.check and stale:
        names = ', '.join(str(p.relative_to(args.root)) for p in stale)
        raise UserError(
            f'out of date: {names}; run '
            'python tools/analysis_tools/model_zoo.py'
        )
    for path, text in stale.items():
        write_text(path, text)
        print(f'wrote {path.relative_to(args.root)}')


if __name__ == '__main__':
    run_command(main)
