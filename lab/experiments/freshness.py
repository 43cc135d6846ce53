"""Say which figures in docs/results are older than the code."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

from mmdet_ps.utils.command_line import ArgumentParser

ROOT = Path(__file__).resolve().parents[2]
# A change in one of these may change a figure.
SOURCES = (
    'mmdet_ps/models',
    'mmdet_ps/datasets',
    'mmdet_ps/engine',
    'mmdet_ps/evaluation',
    'configs',
    'lab/synthetic',
)


def changes_since(commit: str, root: Path) -> int | None:
    """Count the commits since a given one that may have moved figures.

    Args:
        commit: Any name that git has for the commit.
        root: The repository.

    Returns:
        The number of later commits that changed what decides figures; None
        where git does not know the commit, or ``root`` is no repository.
    """
    done = subprocess.run(
        ['git', 'rev-list', '--count', f'{commit}..HEAD', '--', *SOURCES],
        cwd=root,
        capture_output=True,
        text=True,
    )
    return int(done.stdout) if done.returncode == 0 else None


def stale_results(folder: Path, root: Path) -> list[str]:
    """Find files of rows whose figures may have moved since.

    Args:
        folder: Holds JSON lists of rows that say their ``commit``.
        root: The repository.

    Returns:
        A line for each file and commit.
    """
    lines = []
    for path in sorted(folder.glob('*.json')):
        rows = json.loads(path.read_text())
        commits = Counter(row['commit'] for row in rows)
        for commit, number in commits.items():
            changes = changes_since(commit, root)
            if changes:
                lines.append(
                    f'{path.name}: {number} rows were measured at {commit}, '
                    f'and {changes} commits since then changed models, data '
                    'or configurations: measure them again'
                )
            elif changes is None:
                lines.append(
                    f'{path.name}: {number} rows were measured at {commit}, '
                    'which this repository does not know'
                )
    return lines


def main() -> None:
    """Print a line for each set of figures that may have moved."""
    ArgumentParser(description=__doc__).parse_args()
    lines = stale_results(ROOT / 'docs' / 'results', ROOT)
    for line in lines:
        print(line)
    if not lines:
        print('docs/results: all figures are of this code')
