import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

TOOLS = Path(__file__).parents[2] / 'tools/analysis_tools'


@pytest.fixture(autouse=True)
def tools_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))


SCORE = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1]) / 'run/vis_data'
folder.mkdir(parents=True, exist_ok=True)
entry = {'search/mAP': float(sys.argv[2]), 'search/top1': 0.5}
(folder / 'scalars.json').write_text(json.dumps(entry))
(pathlib.Path(sys.argv[1]) / 'count').open('a').write('x')
"""


def scored(name, score, needs=(), **row):
    from experiment_runs import Run

    command = [sys.executable, '-c', SCORE, '{work_dir}', str(score)]
    return Run(name, [command], needs, row or dict(seed=0))


def queue(tmp_path):
    from experiment_runs import RunQueue

    return RunQueue(tmp_path, 1, tmp_path, 'abc')


def test_runs_are_done_once_and_leave_their_rows(tmp_path):
    runs = [scored('a', 0.25, seed=1), scored('b', 0.5, needs=['a'], seed=2)]
    for _ in range(2):
        rows = []
        assert queue(tmp_path).execute(runs, 2, rows.append) == []
        assert rows == [
            dict(seed=1, mAP=0.25, top1=0.5, commit='abc'),
            dict(seed=2, mAP=0.5, top1=0.5, commit='abc'),
        ]
    assert (tmp_path / 'a/count').read_text() == 'x'


def test_other_settings_are_not_mixed_up(tmp_path):
    queue(tmp_path).execute([scored('a', 0.25)], 1, lambda row: None)
    failures = queue(tmp_path).execute(
        [scored('a', 0.75)], 1, lambda row: None
    )
    assert len(failures) == 1 and 'other settings' in failures[0]


def test_a_failed_run_stops_only_those_that_need_it(tmp_path):
    from experiment_runs import Run

    bad = Run('bad', [[sys.executable, '-c', 'raise SystemExit(3)']])
    rows = []
    failures = queue(tmp_path).execute(
        [bad, scored('child', 1.0, needs=['bad']), scored('other', 0.5)],
        2,
        rows.append,
    )
    assert len(failures) == 1 and 'log.txt' in failures[0]
    assert [row['mAP'] for row in rows] == [0.5]
    assert not (tmp_path / 'child').exists()


def row(start, seed, score, target='prw'):
    return dict(method='nae', target=target, start=start, seed=seed,
                mAP=score, top1=score, commit='abc')  # fmt: skip


def test_the_table_has_means_spreads_and_gains(tmp_path):
    from pretraining_report import ResultTable

    starts = ['scratch', 'pretrained']
    path = tmp_path / 'pretraining.json'
    table = ResultTable(path, 'start', starts)
    for seed, (low, high) in enumerate([(0.1, 0.2), (0.2, 0.4)]):
        table.add(row('pretrained', seed, high))
        table.add(row('scratch', seed, low))
    text = path.with_suffix('.md').read_text()
    assert '| nae | prw | 15.0 ± 7.1 | 15.0 ± 7.1 | 30.0 ± 14.1' in text
    assert '+15.0' in text and 'ahead of the same random start in' in text
    # Rows are kept by later calls, replaced one by one, and in order.
    table = ResultTable(path, 'start', starts)
    table.add(row('pretrained', 1, 0.0))
    assert [r['mAP'] for r in json.loads(path.read_text())] == [
        0.1, 0.2, 0.2, 0.0
    ]  # fmt: skip
    assert 'Not ahead of the same random start: nae on prw' in (
        path.with_suffix('.md').read_text()
    )


def options(**changes):
    defaults = dict(seeds=[0, 1], methods=['nae', 'bsl'], targets=['prw'],
                    starts=['scratch', 'scratch-equal-compute', 'pretrained'],
                    pretrain_iters=200, finetune_iters=120,
                    work_dir=Path('w'), data_root=Path('d'))  # fmt: skip
    return SimpleNamespace(**{**defaults, **changes})


def test_every_cell_has_its_run_and_its_needs_come_first():
    from pretraining_table import table_runs

    runs = table_runs(options())
    names = [run.name for run in runs]
    assert len(names) == len(set(names)) == 2 * 2 * (1 + 3)
    for index, run in enumerate(runs):
        assert all(names.index(need) < index for need in run.needs)
    command = {run.name: ' '.join(run.commands[0]) for run in runs}
    longest = command['nae_prw_scratch-equal-compute_1']
    assert 'train_cfg.max_iters=520' in longest and '--seed 1' in longest
    assert '--load-from' not in longest
    assert (
        'pretrain_bsl_0/pretrained_all.pth' in command['bsl_prw_pretrained_0']
    )


def test_configurations_of_the_runs_exist():
    from experiment_runs import ROOT
    from pretraining_table import METHODS, TARGETS, table_runs

    runs = table_runs(options(methods=list(METHODS), targets=TARGETS))
    configs = {
        part
        for run in runs
        for part in run.commands[0]
        if part.startswith('configs')
    }
    assert len(configs) == 3 + 9
    assert all((ROOT / config).is_file() for config in configs)


def test_the_ablation_varies_parts_and_data(monkeypatch):
    import pretraining_table

    monkeypatch.setattr(pretraining_table, 'number_of_images', lambda p: 400)
    runs = pretraining_table.ablation_runs(options(seeds=[5]))
    variants = [run.row['variant'] for run in runs if run.row]
    assert variants[:4] == [
        'no pre-training', 'detection only', 're-ID only', 'both'
    ]  # fmt: skip
    assert len(variants) == len(set(variants)) == 12
    full = next(run for run in runs if run.name == 'pretrain_nae_5')
    assert not any('alignment' in part for part in full.commands[0])
    quarter = runs[-4].commands[0]
    assert '25%' in runs[-3].row['variant']
    assert [p for p in quarter if 'indices' in p] == [
        'train_dataloader.dataset.datasets.0.indices=100',
        'train_dataloader.dataset.datasets.1.indices=100',
        'train_dataloader.dataset.datasets.2.dataset.indices=100',
        'train_dataloader.dataset.datasets.3.dataset.indices=100',
    ]
