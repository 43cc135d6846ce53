"""Time the parts of the project, each figure in turns with a reference.

    python benchmarks/run.py [inference] [training] [loading] [evaluation]
        [memory] [operators] [growth] [--against DIR_OR_COMMIT] [--json OUT]

Without ``--against`` a case is compared with another way to the same end,
where there is one. With it, with the same case of another version: two
processes take turns, and the exit status is 1 where a case is slower than in
that version by more than its noise explains.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import growth_page
from parts import NAMES
from parts.case import CLOCK
from report import cells, command, git, page, row_of, seconds

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    number,
    run_command,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]


class SideProcess:
    """A process that runs cases of the version in a folder."""

    def __init__(self, root: Path, args: argparse.Namespace) -> None:
        quick = 'quick' if args.quick else 'thorough'
        self.process = subprocess.Popen(
            [
                sys.executable,
                Path(__file__).with_name('side.py'),
                *(str(root), args.device, quick),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if args.verbose else subprocess.DEVNULL,
            cwd=root,
            env={**os.environ, 'PYTHONPATH': str(root), CLOCK: args.clock},
            text=True,
        )

    def ask(self, *request) -> dict:
        """The answer to a request, see ``side.Side``.

        Raises:
            UserError: the process has ended.
        """
        self.process.stdin.write(json.dumps(request) + '\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise UserError(
                f'{request}: the process that runs it has ended; --verbose '
                'shows why'
            )
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def version_of(name: str) -> Iterator[Path]:
    """The folder of another version: itself, or a commit checked out."""
    if Path(name).is_dir():
        yield Path(name).resolve()
        return
    found = git('rev-parse', '--verify', '--quiet', f'{name}^{{commit}}')
    if not found:
        raise UserError(f'--against {name}: there is no such folder or commit')
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / found[:12]
        git('worktree', 'add', '--detach', str(folder), found)
        try:
            yield folder
        finally:
            git('worktree', 'remove', '--force', str(folder))


def measure(
    part: str,
    case: str,
    own: SideProcess,
    other: SideProcess | None,
    args: argparse.Namespace,
) -> list[dict]:
    """Rows of a case: the whole and, where it tells them, its steps."""
    made = own.ask('make', part, case)
    if 'error' in made:
        raise UserError(f'{part}, {case}: {made["error"]}')
    ways = {'own': (own, 'own')}
    name = args.against if other else made['reference']
    if other:
        # A version may lack what a case needs; it is then timed alone.
        if 'error' not in other.ask('make', part, case):
            ways['reference'] = (other, 'own')
    elif made['reference']:
        ways['reference'] = (own, 'reference')
    # The first run warms up; its memory is looked at, its time is not.
    peaks = {way: side.ask('peak', key) for way, (side, key) in ways.items()}
    if error := peaks['own'].get('error'):
        raise UserError(f'{part}, {case}: {error}')
    if 'error' in peaks.get('reference', {}):
        ways.pop('reference')
    runs = {way: [] for way in ways}
    start = time.monotonic()
    for turn in range(args.repeats):
        if turn > 2 and time.monotonic() - start > args.seconds:
            break
        # The order changes, so that none is always the one after a pause.
        for way in sorted(ways, reverse=turn % 2 == 1):
            side, key = ways[way]
            runs[way].append(side.ask('run', key))
    more = dict(
        # Another way to the same end may well be the faster one.
        guarded=other is not None,
        against=name if 'reference' in ways else None,
        peak_mib=peaks['own']['mib'],
        device=args.device,
        clock=args.clock,
        quick=args.quick,
        command=command(),
    )
    rows = [row_of(part, case, *times(runs), **more)]
    more['peak_mib'] = None
    for step in runs['own'][0]['steps']:
        rows.append(
            row_of(part, f'{case}: {step}', *times(runs, step), **more)
        )
    return rows


def times(
    runs: dict[str, list[dict]], step: str | None = None
) -> tuple[list[float], list[float] | None]:
    """Seconds of each turn, of the whole or a step, and of the reference."""
    found = [
        [
            run['seconds'] if step is None else run['steps'].get(step, 0.0)
            for run in runs.get(way, [])
        ]
        for way in ('own', 'reference')
    ]
    return found[0], found[1] if any(found[1]) else None


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'parts',
        nargs='*',
        help=f'{", ".join(NAMES)} (default: all); none: only the page',
    )
    parser.add_argument(
        '--against', help='folder or commit of another version'
    )
    parser.add_argument(
        '--cases', nargs='+', default=['*'], help='patterns of their names'
    )
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--quick', action='store_true', help='smaller work, fewer runs'
    )
    parser.add_argument(
        '--repeats', type=whole_number(3), help='runs of each (7; 3 if quick)'
    )
    parser.add_argument(
        '--seconds',
        type=number(0),
        default=60,
        help='no further run of a case after this time',
    )
    parser.add_argument(
        '--limit',
        type=number(0),
        help='no further case after this many seconds in all (no limit; 45 '
        'for quick runs on a GPU)',
    )
    parser.add_argument(
        '--clock',
        choices=['wall', 'processor'],
        default='wall',
        help="processor: this program's share alone, for a busy machine "
        'and few threads',
    )
    parser.add_argument('--json', help='write the rows to this file')
    parser.add_argument('--page', help='write a page to this file (.md)')
    parser.add_argument(
        '--rows',
        nargs='+',
        default=[],
        help='files of --json, of the same machine, that the page shows, too',
    )
    parser.add_argument(
        '--verbose', action='store_true', help='show what the cases print'
    )
    args = parser.parse_args()
    for part in args.parts:
        if part not in (*NAMES, 'none'):
            parser.error(f'{part} is none of {", ".join(NAMES)}')
    if args.device != 'cpu':
        args.clock = 'wall'
        if args.quick and args.limit is None:
            args.limit = 45
    args.repeats = args.repeats or (3 if args.quick else 7)
    return args


def main() -> int:
    """Run the cases; 1 where one has become slower."""
    args = parse_args()
    rows, start = [], time.monotonic()
    parts = [part for part in args.parts or NAMES if part != 'none']
    with contextlib.ExitStack() as stack:
        other = None
        if args.against:
            folder = stack.enter_context(version_of(args.against))
            other = SideProcess(folder, args)
            stack.callback(other.close)
        if parts:
            own = SideProcess(ROOT, args)
            stack.callback(own.close)
        for part in parts:
            found = own.ask('names', part)
            if 'error' in found:
                raise UserError(f'{part}: {found["error"]}')
            for case in found['names']:
                if not any(fnmatch(case, wanted) for wanted in args.cases):
                    continue
                if args.limit and time.monotonic() - start > args.limit:
                    print(f'{part} | {case} | left out: --limit', flush=True)
                    continue
                for row in measure(part, case, own, other, args):
                    print(' | '.join([part, *cells(row)]), flush=True)
                    rows.append(row)
                if args.json:  # after each case: a long run may be ended
                    write_json(args.json, rows, indent=1)
    status = int(any(row['slower'] for row in rows))
    if args.page:
        for path in args.rows:
            rows += json.loads(Path(path).read_text())
        growth = growth_page.section(rows, seconds)
        write_text(args.page, page(rows, growth))
        if growth_page.series_of(rows):
            picture = Path(args.page).parent / growth_page.PICTURE
            growth_page.draw(rows, picture)
    return status


if __name__ == '__main__':
    run_command(main)
