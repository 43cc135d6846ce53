import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from lab.experiments import trainings
from lab.experiments.result_table import ResultTable, read_scores
from lab.experiments.trainings import METHODS, table_runs
from mmdet_ps.utils.comparison import TARGETS

ROOT = Path(__file__).parents[3]


def test_the_last_scores_of_a_training_are_read(tmp_path):
    for name, score in (('20250101', 0.125), ('20250102', 0.25)):
        log = tmp_path / name / 'vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        entries = [{'loss': 1.0}, {'search/mAP': score, 'search/top1': 0.5}]
        log.write_text('\n'.join(map(json.dumps, entries)))
    assert read_scores(tmp_path) == dict(mAP=0.25, top1=0.5)
    with pytest.raises(ValueError, match='hold no search/mAP'):
        read_scores(tmp_path / 'nothing')


def row(start, seed, score, target='prw'):
    return dict(method='nae', target=target, start=start, seed=seed,
                mAP=score, top1=score, commit='abc')  # fmt: skip


def test_the_table_has_means_spreads_and_gains(tmp_path):
    starts = ['scratch', 'pretrained']
    path = tmp_path / 'pretraining.json'
    table = ResultTable(path, 'start', starts)
    for seed, (low, high) in enumerate([(0.1, 0.2), (0.2, 0.4)]):
        table.add(row('pretrained', seed, high))
        table.add(row('scratch', seed, low))
    text = path.with_suffix('.md').read_text()
    assert '| nae | prw | 15.0 ± 7.1 | 15.0 ± 7.1 | 30.0 ± 14.1' in text
    assert '| +15.0 |' in text and 'scratch: ahead in 1 of 1 cells.' in text
    assert (
        '![' in text and cv2.imread(str(path.with_suffix('.png'))) is not None
    )
    # Rows are kept by later calls, replaced one by one, and in order.
    table = ResultTable(path, 'start', starts)
    table.add(row('pretrained', 1, 0.0))
    assert [r['mAP'] for r in json.loads(path.read_text())] == [
        0.1, 0.2, 0.2, 0.0
    ]  # fmt: skip
    text = path.with_suffix('.md').read_text()
    assert 'ahead in 0 of 1 cells; not for nae on prw.' in text


def options(**changes):
    defaults = dict(seeds=[0, 1], methods=['nae', 'bsl'], targets=['prw'],
                    starts=['scratch', 'scratch-equal-compute', 'pretrained'],
                    pretrain_iters=200, finetune_iters=120,
                    work_dir=Path('w'), data_root=Path('d'))  # fmt: skip
    return SimpleNamespace(**{**defaults, **changes})


def test_every_cell_has_its_run_and_its_needs_come_first():
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
    monkeypatch.setattr(trainings, 'number_of_images', lambda p: 400)
    runs = trainings.ablation_runs(options(seeds=[5]))
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


def test_variants_say_how_many_seeds_they_rest_on(tmp_path):
    table = ResultTable(tmp_path / 'ablation.json', 'variant', ['none', 'all'])
    for variant, seed, score in (
        ('none', 0, 0.1),
        ('all', 0, 0.2),
        ('all', 1, 0.4),
    ):
        entry = row('', seed, score)
        del entry['start']
        table.add(dict(entry, variant=variant))
    text = (tmp_path / 'ablation.md').read_text()
    assert '| none | 1 | 10.0 | 10.0 |' in text
    assert '| all | 2 | 30.0 ± 14.1 | 30.0 ± 14.1 |' in text
