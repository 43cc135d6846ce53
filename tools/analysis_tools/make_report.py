"""Write report.html of a quickstart run: tables, curves, pictures, settings.

WORK_DIR is the folder of quickstart.sh: metrics.json, finished.json,
runs/<target>_<start>/results.pkl with the logs of each run, pretrain/. The
page holds everything it shows and needs no network.
"""

import argparse
import json
from functools import cached_property
from pathlib import Path

import report_sections as sections
from report_sections import FOLDERS, STARTS
from tqdm import tqdm

from mmdet_ps.apis.ranked_results import load_results, rank_results
from mmdet_ps.evaluation.results_file import ResultsFile
from mmdet_ps.structures import RankedQueries
from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.errors import UserError
from mmdet_ps.visualization.report import Page


class Run:
    """What a quickstart run has left in its folder."""

    def __init__(self, work_dir: Path, data_root: Path):
        self.work_dir = work_dir
        self.data_root = data_root
        try:
            self.rows = json.loads((work_dir / 'metrics.json').read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise UserError(
                f'{work_dir}/metrics.json cannot be read ({error}): name the '
                'folder of a finished quickstart.sh run'
            ) from None
        self.targets = list(dict.fromkeys(row['target'] for row in self.rows))

    def row(self, target: str, start: str) -> dict | None:
        """The result row of a target and start."""
        found = [
            row
            for row in self.rows
            if (row['target'], row['start']) == (target, start)
        ]
        return found[0] if found else None

    def folder(self, target: str, start: str) -> Path:
        """Where a run was trained and tested."""
        return self.work_dir / 'runs' / f'{target}_{start}'

    @cached_property
    def stored(self) -> dict[tuple[str, str], ResultsFile]:
        """Result files by (target, start), of the runs that have one."""
        found = {}
        for target in self.targets:
            for start in STARTS:
                path = self.folder(target, start) / 'results.pkl'
                if path.is_file():
                    found[target, start] = load_results(path)
        return found

    @cached_property
    def ranked(self) -> dict[tuple[str, str], RankedQueries]:
        """Rankings by (target, start)."""
        return {
            (target, start): rank_results(
                stored, self.data_root / FOLDERS[target]
            )
            for (target, start), stored in self.stored.items()
        }

    @cached_property
    def stages(self) -> dict[str, dict]:
        """Stage -> label and seconds."""
        path = self.work_dir / 'finished.json'
        return json.loads(path.read_text()) if path.is_file() else {}


def build(run: Run) -> Page:
    """The whole page; parts without material are left out."""
    page = Page(
        'Person search with hybrid pre-training',
        'Pre-trained on sub-task data alone, fine-tuned and tested on '
        f'{len(run.targets)} person-search sets.',
    )
    parts = {
        'Results': sections.results,
        'Curves': sections.curves,
        **{
            f'Rankings: {FOLDERS[target]}': (
                lambda run, target=target: sections.rankings(run, target)
            )
            for target in run.targets
        },
        'Failures': sections.failures,
        'Detections': sections.detections,
        'Data': sections.sources,
        'Settings': sections.settings,
    }
    for name, make in tqdm(parts.items(), desc='report', unit='part'):
        page.add(name, *make(run))
    return page


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('work_dir', type=Path, metavar='WORK_DIR')
    parser.add_argument(
        '--data-root', type=Path, help='default: WORK_DIR/data'
    )
    parser.add_argument(
        '--out', type=Path, help='default: WORK_DIR/report.html'
    )
    args = parser.parse_args(argv)
    data_root = args.data_root or args.work_dir / 'data'
    out = args.out or args.work_dir / 'report.html'
    build(Run(args.work_dir, data_root)).write(out)
    print(f'{out} ({out.stat().st_size / 2**20:.1f} MB)')


if __name__ == '__main__':
    run_command(main)
