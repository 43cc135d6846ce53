from pathlib import Path

from lab import quickstart


def test_only_what_needs_the_pretraining_waits_for_it():
    runs = quickstart.stages(
        Path('/anywhere'), quickstart.Settings(0, False), '0'
    )
    names = [run.name for run in runs]
    assert names[:2] == ['synthetic-data', 'pre-train'] and len(names) == 8
    for run in runs[2:]:
        weights = any('pretrained_all.pth' in c for c in run.commands[0])
        assert weights == run.name.endswith('_pretrained')
        assert weights == ('pre-train' in run.needs)
        assert 'synthetic-data' in run.needs
