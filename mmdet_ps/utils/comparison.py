"""Where a comparison of starts leaves what it makes, and its names.

A comparison fine-tunes one method on several targets, from several starts.
The quickstart writes such a folder and the report reads it.
"""

from dataclasses import dataclass
from pathlib import Path

# Target in the names of configurations -> folder below the data root.
TARGETS = {
    'cuhk-sysu': 'CUHK-SYSU',
    'prw': 'PRW',
    'posetrack21': 'PoseTrack21',
}
# Start in result rows -> how a reader is told; in the order of every table.
STARTS = {
    'scratch': 'from scratch',
    'scratch-equal-compute': 'from scratch, equal compute',
    'pretrained': 'pre-trained',
}


@dataclass(frozen=True)
class ComparisonFolder:
    """The places in the folder of a comparison.

    Attributes:
        root: The folder itself.
    """

    root: Path

    @property
    def metrics(self) -> Path:
        """JSON list of result rows: target, method, start, seed, figures."""
        return self.root / 'metrics.json'

    @property
    def finished(self) -> Path:
        """JSON object: name of a stage -> its label, seconds and commit."""
        return self.root / 'finished.json'

    @property
    def data(self) -> Path:
        """The data root, unless another was named."""
        return self.root / 'data'

    @property
    def pretraining(self) -> Path:
        """Work folder of the pre-training."""
        return self.root / 'pretrain'

    @property
    def page(self) -> Path:
        """The report."""
        return self.root / 'report.html'

    def run(self, target: str, start: str) -> Path:
        """Work folder of a fine-tuning, with its test: its ``results.pkl``
        and ``scores.json`` lie there."""
        return self.root / 'runs' / f'{target}_{start}'
