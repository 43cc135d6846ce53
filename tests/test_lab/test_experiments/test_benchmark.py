import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import DictAction

from lab.experiments.benchmark import (
    BenchmarkTable,
    benchmark_runs,
    models,
    report,
)
from mmdet_ps.utils.configuration import apply_options, read_config
from tests.test_models.thin_methods import METHODS

ROOT = Path(__file__).parents[3]


def options(**changes):
    defaults = dict(work_dir=Path('/w'), models=list(models()), seeds=[0, 1],
                    iters=300)  # fmt: skip
    return SimpleNamespace(**{**defaults, **changes})


def test_every_method_and_every_family_takes_part():
    names = list(models())
    for method in METHODS:
        assert any(name.startswith(f'{method}_r18') for name in names)
    families = {name for name in names if name.endswith('-thin')}
    assert families == {
        f'nae_{family}-thin' for family in ('swin', 'pvt', 'convnext', 'vit')
    }


def test_all_have_the_same_budget():
    budgets = set()
    for name, path in models().items():
        config = read_config(str(ROOT / path))
        loader, optimizer = config.train_dataloader, config.optim_wrapper
        scales = loader.dataset.pipeline[2].scales
        budgets.add(
            f'{loader.batch_size} {scales} {optimizer} {config.train_cfg} '
            f'{config.param_scheduler} {config.val_dataloader.dataset}'
        )
        assert config.model.backbone.get('init_cfg') is None, name
    assert len(budgets) == 1


@pytest.mark.parametrize('iters', [10, 300])
def test_a_run_trains_its_steps_and_is_scored_once(iters):
    runs = benchmark_runs(options(iters=iters))
    assert len({run.name for run in runs}) == len(runs) == 2 * len(models())
    # Seed by seed.
    assert [run.row['seed'] for run in runs] == sorted(
        run.row['seed'] for run in runs
    )
    run = next(run for run in runs if run.name == 'nae_swin-thin_1')
    assert run.row['method'] == 'nae' and run.row['backbone'] == 'swin-thin'
    (command,) = run.commands
    assert command[command.index('--seed') + 1] == '1'
    assert '--resume' in command
    given = command[command.index('--cfg-options') + 1 :]
    config = read_config(str(ROOT / command[2]))
    changes = dict(option.split('=', 1) for option in given)
    apply_options(
        config,
        {k: DictAction._parse_iterable(v) for k, v in changes.items()},
    )
    rise, fall = config.param_scheduler
    assert config.train_cfg.max_iters == fall.end == iters
    assert rise.end == fall.begin == min(30, iters // 2)
    assert fall.T_max == iters - rise.end
    assert config.train_cfg.val_interval > iters


def row(model, seed, mean_precision, **more):
    return dict(model=model, seed=seed, steps=300, mAP=mean_precision,
                top1=0.5, commit='c0ffee', **more)  # fmt: skip


def test_the_table_has_means_the_best_first(tmp_path):
    table = BenchmarkTable(tmp_path)
    table.add(row('oim_r18-c4', 0, 0.2, detection_AP=0.7, seconds=80.0))
    table.add(row('oim_r18-c4', 1, 0.3, detection_AP=0.8, seconds=81.0))
    table.add(row('nae_r18-c4', 0, 0.9))
    table.add(row('nae_r18-c4', 0, 0.4))  # run again
    rows = json.loads((tmp_path / 'benchmark.json').read_text())
    assert len(rows) == 3
    lines = re.findall(r'^\| \w+_r18.*$', report(rows), re.M)
    assert lines[0] == '| nae_r18-c4 | 300 | 1 | 40.0 | 50.0 | – | – | – |'
    assert lines[1].startswith('| oim_r18-c4 | 300 | 2 | 25.0 ± 7.1 |')
    assert lines[1].endswith('| – | 75.0 ± 7.1 | 80 |')
    assert BenchmarkTable(tmp_path).rows == table.rows
