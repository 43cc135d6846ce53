"""The page of all models is current, complete, and counts right."""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / 'tools/analysis_tools'


def load(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    yield load('model_zoo')
    sys.modules.pop('zoo_page', None)


def test_what_is_generated_is_current(tool):
    tool.main(['--check'])


def test_every_recipe_is_listed(tool):
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    names = set()
    for path in index['Import']:
        meta = yaml.safe_load((ROOT / path).read_text())
        # The fields that MIM reads.
        (collection,) = meta['Collections']
        for model in meta['Models']:
            assert model['In Collection'] == collection['Name']
            assert (ROOT / model['Config']).is_file()
            assert {'Task', 'Dataset', 'Metrics'} <= set(model['Results'][0])
            names.add(Path(model['Config']).stem)
    recipes = {
        path.stem
        for path in ROOT.glob('configs/*/*_*e_*.py')
        if path.parent.name not in ('_base_', 'synthetic', 'hybrid_pretrain')
    }
    assert names == recipes


def row(config, **more):
    return dict(config=config, size=[1500, 900], parameters=2.5e6,
                flops=3.4e11, commit='c0ffee', **more)  # fmt: skip


@pytest.fixture
def world(tmp_path):
    """A repository of one configuration."""
    (tmp_path / 'configs/new').mkdir(parents=True)
    (tmp_path / 'docs/results').mkdir(parents=True)
    results = dict(Task='Person Search', Dataset='PRW', Metrics=dict(mAP=50.1))
    name = 'new_r50_1xb5-7e_prw'
    meta = dict(
        Collections=[dict(Name='New', Paper=dict(Title='T', URL='U'))],
        Models=[dict(Name=name, Config='x', Results=[results])],
    )
    (tmp_path / 'configs/new/metafile.yml').write_text(yaml.safe_dump(meta))
    shutil.copy(ROOT / 'docs/published.yml', tmp_path / 'docs')
    return tmp_path, name


def line_of(root, name):
    (line,) = re.findall(
        rf'^\| \[{name}\].*$', (root / 'docs/model_zoo.md').read_text(), re.M
    )
    return [cell.strip() for cell in line.strip('|').split('|')][1:]


def test_unknown_stays_empty_and_known_is_shown(tool, world):
    root, name = world
    tool.main(['--root', str(root)])
    assert line_of(root, name) == ['PRW', '50.1 / –', *['–'] * 7]
    costs = [row(name, cpu_seconds=4.2, cpu='A CPU')]
    results = root / 'docs/results'
    (results / 'model_costs.json').write_text(json.dumps(costs))
    ours = [dict(config=name, seed=s, mAP=0.5, top1=0.8) for s in (0, 1)]
    (results / 'reproduced.json').write_text(json.dumps(ours))
    trained = [dict(model='nae_r18-c4', mAP=0.25, top1=0.5)]
    (results / 'benchmark.json').write_text(json.dumps(trained))
    (root / 'docs/cost.md').write_text(
        '| recipe | pictures in a step | GiB | `--amp` |\n|---|---|---|---|\n'
        f'| configs/x/{name}.py | 5 | 11.2 | 7.0 |\n'
    )
    with pytest.raises(UserError, match='out of date'):
        tool.main(['--root', str(root), '--check'])
    tool.main(['--root', str(root)])
    tool.main(['--root', str(root), '--check'])
    assert line_of(root, name)[3:] == [
        '50.0 ± 0.0 / 80.0 ± 0.0', '2.5', '1500x900', '340', '4.2', '11.2',
    ]  # fmt: skip
    page = (root / 'docs/model_zoo.md').read_text()
    assert 'A CPU' in page and '| nae_r18-c4 | 1 | 25.0 | 50.0 |' in page


def test_the_page_of_costs_is_read_as_it_is_written(tool):
    costs = sys.modules['zoo_page'].training_gib(ROOT)
    models = {
        model['Name']
        for path in sys.modules['zoo_page'].metafiles(ROOT)
        for model in yaml.safe_load(path.read_text())['Models']
    }
    assert models <= set(costs)


def test_a_configuration_of_no_metafile_is_refused(tool, world):
    with pytest.raises(UserError, match='no metafile names other'):
        tool.main(['--root', str(world[0]), '--seconds', 'other'])


@pytest.mark.parametrize('model', ['nae_convnext-thin', 'alignps_r18'])
def test_operations_are_counted_without_computing_them(model):
    if 'convnext' in model:
        pytest.importorskip('timm')
    costs = load('model_costs')
    (path,) = ROOT.glob(f'configs/synthetic/{model}_*_prw.py')
    config = read_config(str(path))
    counted = costs.picture_cost(config, stand_in_from=2**14)
    assert counted == costs.picture_cost(config, stand_in_from=None)
    assert (counted.width, counted.height) == (256, 160)
    # Whatever the model finds: every region counts.
    config.model.test_cfg.score_thr = 0.99
    assert counted == costs.picture_cost(config, stand_in_from=2**14)
