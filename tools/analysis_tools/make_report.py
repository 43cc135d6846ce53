"""Write report.html of a quickstart run: tables, curves, pictures, settings.

WORK_DIR is the folder of quickstart.sh: metrics.json, finished.json,
runs/<target>_<start>/results.pkl with the logs of each run, pretrain/. The
page holds everything it shows and needs no network.
"""

import argparse
from pathlib import Path

import report_sections as sections
from run_description import Run
from tqdm import tqdm

from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.comparison import TARGETS
from mmdet_ps.visualization.report import Page


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
            f'Rankings: {TARGETS[target]}': (
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
    run = Run(args.work_dir, args.data_root)
    out = args.out or run.folder.page
    build(run).write(out)
    print(f'{out} ({out.stat().st_size / 2**20:.1f} MB)')


if __name__ == '__main__':
    run_command(main)
