"""Prepare a dataset: read its native files, verify them, convert them.

    python tools/prepare_data.py prw data/PRW
    python tools/prepare_data.py all data

Writes ``ROOT/prepared/{train,test,report}.json`` and, for person search,
the protocol. What is there and made from the same files is kept.

``all`` prepares what it can, says what went wrong with the others, and names
the folders that no dataset is called like. An --option reaches the datasets
that offer it; one that none of those found offers is a mistake. A dataset that
gets none keeps those it was prepared with.

Exit status: 0 done; 1 a file is missing or damaged; 2 the counts differ
from the published release and --verify-only or --strict was given.
"""

import argparse
import os
import sys
from pathlib import Path

from mmdet_ps.datasets.native import (
    FORMS,
    NativeDataError,
    NativeForm,
    find_form,
)
from mmdet_ps.datasets.native.prepare import (
    earlier_options,
    format_report,
    how_to_find,
    prepare,
)
from mmdet_ps.datasets.native.registry import find_folders, find_strangers
from mmdet_ps.utils.command_line import (
    FAILED,
    ArgumentParser,
    report_mistake,
    run_command,
    whole_number,
)
from mmdet_ps.utils.errors import UserError

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
        '--skip-missing',
        action='store_true',
        help='leave missing images out and count them (not those of the '
        'test part of a search set)',
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
        type=whole_number(1),
        default=min(8, os.cpu_count() or 1),
        help='processes (default: %(default)s)',
    )
    return parser.parse_args()


def prepare_all(args: argparse.Namespace) -> int:
    """Prepare every dataset below a folder; returns the exit status.

    One that cannot be read does not keep the others from being prepared.
    """
    found = find_folders(args.root)
    for line in find_strangers(args.root):
        print(f'note: {line}', file=sys.stderr)
    if not found:
        folders = ', '.join(form.folder for form in FORMS.values())
        raise NativeDataError(
            args.root, 'holds no dataset', f'looked for {folders}'
        )
    check_offered(args.option, [form for form, _ in found], args.root)
    statuses = []
    for form, root in found:
        mine = [
            pair for pair in args.option if name_of(pair) in form.option_kinds
        ]
        try:
            out = Path(args.out) / root.name if args.out else None
            options = (
                form.choose(mine)
                if mine
                else earlier_options(form, out or root / 'prepared')
            )
            statuses.append(prepare_one(args, form, root, out, options))
        except (UserError, OSError) as error:
            statuses.append(report_mistake(error))
    return FAILED if FAILED in statuses else max(statuses)


def name_of(pair: str) -> str:
    """The name of an option given as ``NAME=VALUE``."""
    return pair.partition('=')[0]


def check_offered(
    pairs: list[str], found: list[NativeForm], root: str
) -> None:
    """Refuse an option that no dataset found offers.

    Raises:
        UserError: There is one; it says which datasets offer which.
    """
    offers = [
        f'{form.name} has {", ".join(form.option_kinds)}'
        for form in FORMS.values()
        if form.option_kinds
    ]
    for pair in pairs:
        name = name_of(pair)
        if not any(name in form.option_kinds for form in found):
            raise UserError(
                f'--option {pair}: no dataset below {root} has an option '
                f'{name}; {"; ".join(offers)}'
            )


def prepare_one(
    args: argparse.Namespace,
    form: NativeForm,
    root: Path,
    out: str | Path | None,
    options: object | None,
) -> int:
    """Prepare one dataset and report on it; returns the exit status."""
    report = prepare(
        form,
        root,
        out,
        verify_only=args.verify_only,
        dry_run=args.dry_run,
        decode=args.decode,
        skip_missing=args.skip_missing,
        workers=args.workers,
        options=options,
    )
    # A name that is not UTF-8 is printed as well as it can be.
    sys.stdout.reconfigure(errors='backslashreplace')
    print(format_report(report), end='\n\n', flush=True)
    advice = report.written and how_to_find(root, report.out)
    if advice:
        print(f'note: {advice}\n', flush=True)
    strict = args.verify_only or args.strict
    return DIFFERS if strict and report.differing else 0


def main() -> int:
    """Run; returns the exit status."""
    args = parse_args()
    if args.name == 'all':
        return prepare_all(args)
    form = find_form(args.name)
    options = form.choose(args.option)
    return prepare_one(args, form, Path(args.root), args.out, options)


if __name__ == '__main__':
    run_command(main)
