"""What a comparison has left in its folder, as the report shows it."""

import json
from functools import cached_property
from pathlib import Path

from mmdet_ps.apis.ranked_results import load_results, rank_results
from mmdet_ps.evaluation.results_file import ResultsFile
from mmdet_ps.structures import RankedQueries
from mmdet_ps.utils.comparison import STARTS, TARGETS, ComparisonFolder
from mmdet_ps.utils.errors import UserError


class Run:
    """A comparison of starts: its figures, result files and rankings.

    Args:
        work_dir: Folder of the comparison.
        data_root: Folder of the datasets; that of the comparison by default.

    Attributes:
        folder: Where everything lies.
        rows: Result rows, as in ``metrics.json``.
        targets: Targets that have rows, in their order.
        starts: Start -> how a reader is told, of those that have rows.

    Raises:
        UserError: There are no figures in the folder.
    """

    def __init__(self, work_dir: Path, data_root: Path | None = None):
        self.folder = ComparisonFolder(work_dir)
        self.data_root = data_root or self.folder.data
        try:
            self.rows = json.loads(self.folder.metrics.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise UserError(
                f'{self.folder.metrics} cannot be read ({error}): name the '
                'folder of a finished quickstart.sh run'
            ) from None
        self.targets = list(dict.fromkeys(row['target'] for row in self.rows))
        present = {row['start'] for row in self.rows}
        self.starts = {k: name for k, name in STARTS.items() if k in present}

    def row(self, target: str, start: str) -> dict | None:
        """The result row of a target and start."""
        found = [
            row
            for row in self.rows
            if (row['target'], row['start']) == (target, start)
        ]
        return found[0] if found else None

    @cached_property
    def stored(self) -> dict[tuple[str, str], ResultsFile]:
        """Result files by (target, start), of the runs that have one."""
        found = {}
        for target in self.targets:
            for start in self.starts:
                path = self.folder.run(target, start) / 'results.pkl'
                if path.is_file():
                    found[target, start] = load_results(path)
        return found

    @cached_property
    def ranked(self) -> dict[tuple[str, str], RankedQueries]:
        """Rankings by (target, start)."""
        return {
            (target, start): rank_results(
                stored, self.data_root / TARGETS[target]
            )
            for (target, start), stored in self.stored.items()
        }

    @cached_property
    def stages(self) -> dict[str, dict]:
        """Stage -> label and seconds."""
        path = self.folder.finished
        return json.loads(path.read_text()) if path.is_file() else {}
