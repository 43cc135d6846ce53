"""Write the result tables of configs/*/README.md, or print one of rows.

    make_results_table.py                    write all tables
    make_results_table.py --check            fail where one is out of date
    make_results_table.py --rows FILE ...    print target x start of rows
    make_results_table.py --record CONFIG SCORES [--seed N]
                                             keep a result, write the tables

Published figures stand in configs/*/metafile.yml with their source.
Reproduced ones stand in docs/results/reproduced.json; SCORES is what
tools/test.py wrote with --json.
"""

import argparse
import json
import subprocess
from pathlib import Path

import yaml

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    seed_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json, write_text
from mmdet_ps.utils.results_table import (
    published_table,
    replace_block,
    starts_table,
)

ROOT = Path(__file__).resolve().parents[2]
REPRODUCED = 'docs/results/reproduced.json'
BLOCK = 'results'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--root', type=Path, default=ROOT)
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--rows', nargs='+', metavar='FILE')
    parser.add_argument('--record', nargs=2, metavar=('CONFIG', 'SCORES'))
    parser.add_argument('--seed', type=seed_number, default=0)
    return parser.parse_args(argv)


def load_rows(path: Path) -> list[dict]:
    """A JSON list of result rows."""
    try:
        rows = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f'{path} is not there: name a metrics.json') from None
    except json.JSONDecodeError as error:
        raise UserError(f'{path} is not JSON ({error})') from None
    for i, row in enumerate(rows):
        missing = {'mAP', 'top1'} - set(row)
        if missing:
            raise UserError(f'{path}: row {i} has no {sorted(missing)[0]}')
    return rows


def record(root: Path, config: str, scores: Path, seed: int) -> None:
    """Keep one result; one of the same configuration and seed goes."""
    try:
        found = json.loads(scores.read_text())
        figures = dict(mAP=found['search/mAP'], top1=found['search/top1'])
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise UserError(
            f'{scores} holds no search/mAP and search/top1 ({error!r}): write '
            'it with tools/test.py CONFIG CHECKPOINT --json'
        ) from None
    name = Path(config).stem
    path = root / REPRODUCED
    rows = load_rows(path) if path.is_file() else []
    rows = [r for r in rows if (r['config'], r['seed']) != (name, seed)]
    commit = subprocess.run(
        ['git', 'rev-parse', '--short=12', 'HEAD'],
        cwd=root,
        capture_output=True,
        text=True,
    ).stdout.strip()
    rows.append(dict(config=name, seed=seed, **figures, commit=commit))
    rows.sort(key=lambda row: (row['config'], row['seed']))
    write_json(path, rows, indent=1)


def render_all(root: Path) -> dict[Path, str]:
    """README.md of every folder with a metafile -> its new text."""
    reproduced = root / REPRODUCED
    rows = load_rows(reproduced) if reproduced.is_file() else []
    texts = {}
    for metafile in sorted(root.glob('configs/*/metafile.yml')):
        readme = metafile.with_name('README.md')
        try:
            models = yaml.safe_load(metafile.read_text())['Models']
            texts[readme] = replace_block(
                readme.read_text(), BLOCK, published_table(models, rows)
            )
        except (ValueError, OSError, yaml.YAMLError) as error:
            raise UserError(f'{metafile.parent}: {error}') from None
    return texts


def run(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    if args.rows:
        rows = [row for path in args.rows for row in load_rows(Path(path))]
        print(starts_table(rows))
        return
    if args.record:
        config, scores = args.record
        record(args.root, config, Path(scores), args.seed)
    stale = {
        path: text
        for path, text in render_all(args.root).items()
        if path.read_text() != text
    }
    if args.check and stale:
        names = ', '.join(str(p.relative_to(args.root)) for p in stale)
        raise UserError(
            f'out of date: {names}; run '
            'python tools/analysis_tools/make_results_table.py'
        )
    for path, text in stale.items():
        write_text(path, text)
        print(f'wrote {path.relative_to(args.root)}')


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    run(parse_args(argv))


if __name__ == '__main__':
    run_command(main)
