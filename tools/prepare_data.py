"""Prepare a dataset: read its native files, verify them, convert them.

    python tools/prepare_data.py prw data/PRW
    python tools/prepare_data.py all data

Writes ``ROOT/prepared/{train,test,report}.json`` and, for person search,
the protocol. What is there and made from the same files is kept.

Exit status: 0 done; 1 a file is missing or damaged; 2 the counts differ
from the published release and --verify-only or --strict was given.
"""

import argparse
import os
from pathlib import Path

from mmdet_ps.datasets.native import FORMS, NativeDataError, find_form
from mmdet_ps.datasets.native.prepare import Report, format_report, prepare
from mmdet_ps.datasets.native.registry import find_folders
from mmdet_ps.utils.command_line import ArgumentParser, run_command

DIFFERS = 2


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'name', help=f'{", ".join(FORMS)}; all: every one found below ROOT'
    )
    parser.add_argument('root', help='the native folder (all: its parent)')
    parser.add_argument(
        '--out', help='folder to write to (default: ROOT/prepared)'
    )
    parser.add_argument(
        '--verify-only',
        action='store_true',
        help='write nothing; fail if counts differ from the release',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='read the annotations and report, touch no image, write nothing',
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        help='convert, but fail if counts differ from the release',
    )
    parser.add_argument(
        '--decode',
        action='store_true',
        help='decode every image, to find damaged ones',
    )
    parser.add_argument(
        '--option',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='a choice that the dataset offers, see docs/datasets.md; e.g. '
        'mot: --option split=time --option apart=5',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(8, os.cpu_count() or 1),
        help='processes (default: %(default)s)',
    )
    return parser.parse_args()


def prepare_named(args: argparse.Namespace) -> list[Report]:
    """Prepare what the command line names, reporting each."""
    if args.name == 'all':
        found = find_folders(args.root)
        if not found:
            folders = ', '.join(form.folder for form in FORMS.values())
            raise NativeDataError(
                args.root, 'holds no dataset', f'looked for {folders}'
            )
    else:
        found = [(find_form(args.name), Path(args.root))]
    reports = []
    for form, root in found:
        out = args.out and (
            Path(args.out) / root.name if args.name == 'all' else args.out
        )
        report = prepare(
            form,
            root,
            out,
            verify_only=args.verify_only,
            dry_run=args.dry_run,
            decode=args.decode,
            workers=args.workers,
            options=form.choose(args.option),
        )
        print(format_report(report), end='\n\n', flush=True)
        reports.append(report)
    return reports


def main() -> int:
    """Run; returns the exit status."""
    args = parse_args()
    reports = prepare_named(args)
    if (args.verify_only or args.strict) and any(
        report.differing for report in reports
    ):
        return DIFFERS
    return 0


if __name__ == '__main__':
    run_command(main)
