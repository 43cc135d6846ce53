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


def option(command: list[str], key: str) -> str:
    """The value that a command gives an option last, which counts."""
    return [o for o in command if o.startswith(f'{key}=')][-1].split('=')[1]


def test_each_stage_has_its_own_number_of_steps():
    folder = ComparisonFolder(Path('/anywhere'))
    for smoke in (False, True):
        settings = quickstart.Settings(seed=0, smoke=smoke)
        for run in quickstart.stages(folder, settings, '0')[1:]:
            steps = quickstart.FINETUNE_ITERS
            if run.name == 'pre-train':
                steps = quickstart.PRETRAIN_ITERS
            train = run.commands[0]
            # The rate has fallen to its end when the training ends.
            assert option(train, 'param_scheduler.1.end') == str(steps)
            if smoke:
                steps = 4
            assert option(train, 'train_cfg.max_iters') == str(steps)
