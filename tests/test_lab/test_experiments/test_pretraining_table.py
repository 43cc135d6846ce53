import argparse
import copy
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
from mmdet.registry import MODELS
from mmengine.config import Config

from lab.experiments import pretraining_table, tables
from lab.experiments.figure import draw_curves
from lab.experiments.result_table import ResultTable, read_scores
from lab.experiments.tables import TABLES, start_runs
from lab.experiments.trainings import METHODS, pretraining_config
from mmdet_ps.utils.comparison import TARGETS
from mmdet_ps.utils.configuration import OptionsAction, apply_options

ROOT = Path(__file__).parents[3]


def test_the_last_scores_of_a_training_are_read(tmp_path):
    for name, score in (('20250101', 0.125), ('20250102', 0.25)):
        log = tmp_path / name / 'vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        entries = [{'loss': 1.0}, {'search/mAP': score, 'search/top1': 0.5,
                   'search/annotated_boxes/mAP': 0.75}]  # fmt: skip
        log.write_text('\n'.join(map(json.dumps, entries)))
    assert read_scores(tmp_path) == dict(mAP=0.25, top1=0.5, mAP_gt_boxes=0.75)
    with pytest.raises(ValueError, match='hold no search/mAP'):
        read_scores(tmp_path / 'nothing')


def row(start, seed, score, target='prw'):
    pretraining = dict(pretrain_steps=200) if start == 'pretrained' else {}
    return dict(method='nae', target=target, start=start, seed=seed,
                mAP=score, top1=score, steps=120, commit='abc',
                **pretraining)  # fmt: skip


def test_the_table_has_means_spreads_and_gains(tmp_path):
    path = tmp_path / 'pretraining.json'
    table = ResultTable(tmp_path, TABLES['starts'])
    for seed, (low, high) in enumerate([(0.1, 0.2), (0.2, 0.4)]):
        table.add(row('pretrained', seed, high))
        table.add(row('scratch', seed, low))
    text = path.with_suffix('.md').read_text()
    assert '| nae | prw | 15.0 ± 7.1 | 30.0 ± 14.1 | +15.0 |' in text
    assert 'over the seeds 0, 1, in percent' in text
    assert 'scratch: ahead in 1 of 1 cells.' in text
    steps = 'pretrained 200 | scratch 120; pretrained 120'
    assert f'| nae | {steps} |' in text
    assert (
        '![' in text and cv2.imread(str(path.with_suffix('.png'))) is not None
    )
    # Rows are kept by later calls, replaced one by one, and in order.
    table = ResultTable(tmp_path, TABLES['starts'])
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
                    variants=[*tables.PARTS, *tables.DATA_SHARES],
                    lengths=[0.25, 0.5, 1, 1.5],
                    work_dir=Path('w'), data_root=Path('d'))  # fmt: skip
    return SimpleNamespace(**{**defaults, **changes})


def test_every_cell_has_its_run_and_its_needs_come_first():
    runs = start_runs(options())
    names = [run.name for run in runs]
    assert len(names) == len(set(names)) == 2 * 2 * (1 + 3)
    for index, run in enumerate(runs):
        assert all(names.index(need) < index for need in run.needs)
    command = {run.name: ' '.join(run.commands[0]) for run in runs}
    longest = command['nae_prw_scratch-equal-compute_1']
    assert 'train_cfg.max_iters=520' in longest and '--seed 1' in longest
    assert 'optimizer.lr=0.002' in longest
    assert '--load-from' not in longest
    assert (
        'pretrain_bsl_0/pretrained_all.pth' in command['bsl_prw_pretrained_0']
    )


def test_configurations_of_the_runs_exist():
    runs = start_runs(options(methods=list(METHODS), targets=TARGETS))
    configs = {
        part
        for run in runs
        for part in run.commands[0]
        if part.startswith('configs')
    }
    assert len(configs) == 3 + 9
    assert all((ROOT / config).is_file() for config in configs)


@pytest.mark.parametrize('name', ['curve', 'labels'])
def test_a_curve_of_one_start_alone(name, monkeypatch):
    monkeypatch.setattr(tables, 'number_of_images', lambda p: 400)
    runs = TABLES[name].runs(options(starts=['pretrained'], seeds=[0]))
    assert runs[0].name == 'pretrain_nae_0'
    assert {run.row['start'] for run in runs if run.row} == {'pretrained'}
    runs = TABLES[name].runs(options(starts=['scratch'], seeds=[0]))
    assert {run.row['start'] for run in runs} == {'scratch'}


def test_the_ablation_varies_parts_and_data(monkeypatch):
    monkeypatch.setattr(tables, 'number_of_images', lambda p: 400)
    runs = tables.ablation_runs(options(seeds=[5]))
    names = [run.row['name'] for run in runs if run.row]
    assert names[:4] == ['no pre-training', 'detection', 're-ID', 'both']
    assert len(names) == len(set(names)) == 15
    full = next(run for run in runs if run.name == 'pretrain_nae_5')
    assert not any('alignment' in part for part in full.commands[0])
    quarter = runs[-4].commands[0]
    assert '25%' in runs[-3].row['name']
    assert [p for p in quarter if 'indices' in p] == [
        'train_dataloader.dataset.datasets.0.indices=100',
        'train_dataloader.dataset.datasets.1.indices=100',
        'train_dataloader.dataset.datasets.2.dataset.indices=100',
        'train_dataloader.dataset.datasets.3.dataset.indices=100',
    ]


def test_some_variants_alone_keep_their_names(monkeypatch):
    monkeypatch.setattr(tables, 'number_of_images', lambda p: 400)
    every = {run.name for run in tables.ablation_runs(options(seeds=[5]))}
    some = ['two views', 'two views, image and instance level']
    runs = tables.ablation_runs(options(seeds=[5], variants=some))
    assert [run.row['name'] for run in runs if run.row] == some
    assert {run.name for run in runs} < every


def test_options_of_every_variant_are_taken(monkeypatch):
    """Those that the check of the command line refuses end a training."""
    monkeypatch.setattr(tables, 'number_of_images', lambda p: 400)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    config = Config.fromfile(ROOT / pretraining_config('nae'))
    for words in filter(None, tables.variants(options()).values()):
        args = parser.parse_args(['--cfg-options', *words])
        apply_options(copy.deepcopy(config), args.cfg_options)


def test_weights_are_carried_over_in_several_ways():
    runs = TABLES['transfer'].runs(options(seeds=[3], methods=['bsl']))
    of_starts = {
        run.name: run
        for run in start_runs(options(seeds=[3], methods=['bsl']))
    }
    shared = [run for run in runs if run.name in of_starts]
    assert [run.row and run.row['name'] for run in shared] == [
        None, 'nothing', 'all'
    ]  # fmt: skip
    for run in shared:
        assert run.commands == of_starts[run.name].commands
    assert len({run.name for run in runs}) == len(runs) == 1 + len(tables.WAYS)
    nothing = options(seeds=[3], methods=['bsl'], starts=['scratch'])
    assert [run.row['name'] for run in TABLES['transfer'].runs(nothing)] == [
        'nothing'
    ]
    backbone = next(r for r in runs if r.row and 'stage' in r.row['name'])
    assert any('pretrained_backbone.pth' in p for p in backbone.commands[0])


@pytest.mark.parametrize('name', tables.WAYS)
def test_options_of_every_way_change_the_training(name):
    runs = TABLES['transfer'].runs(options(seeds=[3], methods=['bsl']))
    command = next(
        r.commands[0] for r in runs if r.row and r.row['name'] == name
    )
    words = command[command.index('--cfg-options') + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    args = parser.parse_args(['--cfg-options', *words])
    config = Config.fromfile(ROOT / command[2])
    apply_options(config, args.cfg_options)
    assert config.optim_wrapper.optimizer.lr == (
        0.001 if 'half' in name else 0.002
    )
    assert config.model.backbone.norm_eval == ('statistics' in name)
    left_out = config.default_hooks.checked_load.get('leave_out', [])
    modules = dict(MODELS.build(config.model).named_modules())
    assert all(part in modules for part in left_out)
    assert bool(left_out) == ('but' in name)


def test_a_curve_shares_the_runs_of_the_starts(tmp_path):
    lengths = [0.25, 1, 520 / 120]  # the last has the compute of both stages
    runs = TABLES['curve'].runs(options(seeds=[0], lengths=lengths))
    rows = [
        tuple(run.row[key] for key in ('method', 'start', 'steps'))
        for run in runs
        if run.row
    ]
    assert rows == [
        (method, start, steps)
        for method in ('nae', 'bsl')
        for start in ('scratch', 'pretrained')
        for steps in (30, 120, 520)
    ]
    of_starts = {run.name: run for run in start_runs(options(seeds=[0]))}
    shared = [run for run in runs if run.name in of_starts]
    assert [run.name for run in shared if 'bsl' in run.name] == [
        'pretrain_bsl_0',
        'bsl_prw_scratch_0',
        'bsl_prw_scratch-equal-compute_0',
        'bsl_prw_pretrained_0',
    ]
    for run in shared:
        assert run.commands == of_starts[run.name].commands
    table = ResultTable(tmp_path, TABLES['curve'])
    for method, start, steps in reversed(rows):
        entry = row(start, 0, steps / 1000)
        table.add(dict(entry, method=method, steps=steps))
    text = (tmp_path / 'curve.md').read_text()
    assert 'bsl, prw:' in text and 'nae, prw:' in text
    assert '| 30 | 3.0 | 3.0 | – | 3.0' in text
    assert 'One run each, with seed 0, in percent' in text


def test_a_picture_of_curves_has_a_panel_per_method_and_target(tmp_path):
    def size(methods, targets):
        rows = [
            dict(row(start, 0, 0.5, target), method=method)
            for method in methods
            for target in targets
            for start in ('scratch', 'pretrained')
        ]
        path = tmp_path / 'curve.png'
        draw_curves(rows, 'start', ['scratch', 'pretrained'], 'steps', path)
        return cv2.imread(str(path)).shape[:2]

    height, width = size(['nae'], ['prw'])
    three = size(['nae'], ['prw', 'cuhk-sysu', 'posetrack21'])
    assert three[0] == height and three[1] > 2 * width
    four = size(['nae', 'bsl'], ['prw', 'cuhk-sysu'])
    assert four[0] > 1.5 * height and four[1] == three[1]


def test_labels_are_taken_at_even_distances(monkeypatch):
    monkeypatch.setattr(tables, 'number_of_images', lambda p: 96)
    runs = TABLES['labels'].runs(options(seeds=[0]))
    kept = {
        run.row['share']: json.loads(run.commands[0][-1].split('=')[1])
        for run in runs
        if run.row and run.row['share'] < 1
    }
    assert kept[0.25] == list(range(0, 96, 4))
    assert kept[0.5] == list(range(0, 96, 2))
    assert len(kept[0.12]) == 12 and kept[0.12][-1] > 80


def test_rows_of_other_machines_are_taken_in(tmp_path, monkeypatch):
    for folder, seed in (('here', 0), ('there', 1)):
        (tmp_path / folder).mkdir()
        ResultTable(tmp_path / folder, TABLES['starts']).add(
            row('scratch', seed, 0.5)
        )
    monkeypatch.setattr(
        'sys.argv',
        ['table', '--out', str(tmp_path / 'here'), '--add-rows',
         str(tmp_path / 'there')],
    )  # fmt: skip
    pretraining_table.main()
    rows = json.loads((tmp_path / 'here/pretraining.json').read_text())
    assert [r['seed'] for r in rows] == [0, 1]


def test_variants_say_how_many_seeds_they_rest_on(tmp_path):
    table = ResultTable(tmp_path, TABLES['ablation'])
    for variant, seed, score in (
        ('no pre-training', 0, 0.1),
        ('both', 0, 0.2),
        ('both', 1, 0.4),
    ):
        entry = row('', seed, score)
        del entry['start']
        if variant == 'both':
            entry['pretrain_steps'] = 60
        table.add(dict(entry, name=variant))
    text = (tmp_path / 'ablation.md').read_text()
    steps = 'steps of pre-training: 60; steps on the target: 120'
    assert f'nae, prw ({steps}):' in text
    assert '| no pre-training | 1 | 10.0 | 10.0 |' in text
    assert '| both | 2 | 30.0 ± 14.1 | 30.0 ± 14.1 |' in text
