from pathlib import Path

from lab import quickstart
from mmdet_ps.utils.comparison import ComparisonFolder


def test_only_what_needs_the_pretraining_waits_for_it():
    folder = ComparisonFolder(Path('/anywhere'))
    settings = quickstart.Settings(seed=0, smoke=False)
    runs = quickstart.stages(folder, settings, '0')
    names = [run.name for run in runs]
    assert names[:2] == ['synthetic-data', 'pre-train'] and len(names) == 8
    for run in runs[2:]:
        weights = any('pretrained_all.pth' in c for c in run.commands[0])
        assert weights == run.name.endswith('_pretrained')
        assert weights == ('pre-train' in run.needs)
        assert 'synthetic-data' in run.needs
