"""A test run on disk, to be scored again by tools/test_results*.py."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.registry import METRICS
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdet_ps.version import __version__

from ..records import record_of
from ..results_file import save_results


@METRICS.register_module()
class DumpSearchResults(BaseMetric):
    """Write what a model gave for every test image into a file.

    The file is a pickle of plain containers and numpy arrays: ``header`` and
    ``images``, one dict per image with detections, annotated boxes and the
    embeddings of both.

    Args:
        out_file (str): path of the file.
        header (dict): more to write into the header: ``config``, and
            ``preset`` and ``settings`` of the scoring. A file without the
            last two does not say how it is to be scored.
        collect_device (str): see mmengine's ``BaseMetric``.
    """

    default_prefix = ''

    def __init__(
        self,
        out_file: str,
        header: dict | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        super().__init__(collect_device=collect_device)
        self.out_file = out_file
        # Out of a config come its own dict classes; the file holds plain ones.
        header = ConfigDict(header or {}).to_dict()
        self.header = dict(header, version=__version__)

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep arrays of each image on the CPU."""
        self.results += [record_of(sample) for sample in data_samples]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the file; there is nothing to report."""
        meta = self.dataset_meta or {}
        header = dict(dataset=str(meta.get('dataset', '')), **self.header)
        save_results(self.out_file, results, header)
        print_log(
            f'{len(results)} images written to {self.out_file}', 'current'
        )
        return {}
