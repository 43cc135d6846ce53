"""The command that estimates costs, and the page it writes."""

import json
import sys
from pathlib import Path

import pytest

from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/synthetic/nae_r18-c4_1xb4-300_prw.py'


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools/analysis_tools'))
    import estimate_cost

    def run(*words):
        monkeypatch.setattr(
            sys, 'argv', ['estimate_cost.py', *map(str, words)]
        )
        estimate_cost.main()

    yield run
    for name in ('estimate_cost', 'cost_page'):
        sys.modules.pop(name)


SMALL = ('--image-size', '192x128', '--persons', 5, '--batch-size', 2)


def test_a_small_card_is_told_what_to_change(tool, tmp_path, capsys):
    out = tmp_path / 'cost.json'
    tool(CONFIG, *SMALL, '--gpu-memory', 0.77, '--json', out, '--measure')
    printed = capsys.readouterr().out
    assert '2 pictures of 192x128 with 5 persons' in printed
    assert 'model.backbone.with_cp=True' in printed
    found = json.loads(out.read_text())
    assert found['peak_gib'] == pytest.approx(0.035, rel=0.3)
    assert found['flops'] > 1e9 and found['fits'] is False
    assert found['measured_gib'] == pytest.approx(found['peak_gib'], rel=0.15)
    sizes = [row['peak_gib'] for row in found['settings']]
    assert found['settings'][0]['setting'] == 'as it is'
    assert min(sizes) < sizes[0] == found['peak_gib']


def test_a_large_card_fits(tool, tmp_path):
    out = tmp_path / 'cost.json'
    tool(CONFIG, *SMALL, '--gpu-memory', 80, '--json', out)
    assert json.loads(out.read_text())['fits'] is True


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        ([], 'name a configuration'),
        ([CONFIG, '--image-size', '10'], 'not like 1500x900'),
        ([CONFIG, '--amp', 'fp8'], 'invalid choice'),
        (['nowhere.py'], 'no such configuration'),
    ],
)
def test_mistakes_are_told(tool, words, text):
    with pytest.raises(UserError, match=text):
        tool(*words)


def test_the_page_lists_every_recipe(tool):
    from cost_page import cost_page, recipes, rows_of

    rows = rows_of(ROOT / 'docs/cost.md')
    assert list(rows) == recipes(), (
        'run tools/analysis_tools/estimate_cost.py --all --missing --out '
        'docs/cost.md'
    )
    assert len(rows) > 40
    page = cost_page(rows, size=None, persons=20)
    assert page == (ROOT / 'docs/cost.md').read_text()


def test_a_measurement_of_another_batch_does_not_count(tool):
    from cost_page import seen_on

    measured = [
        dict(
            config='a.py',
            precision='fp32',
            pictures=[[2, 90, 60], [1, 50, 50]],
            measured_gib=3.21,
            device='GPU',
        )
    ]
    batch = '2 of 90x60 + 1 of 50x50'
    assert seen_on('a.py', batch, measured) == '3.2 (GPU)'
    assert seen_on('a.py', '3 of 90x60 + 1 of 50x50', measured) == ''
    assert seen_on('b.py', batch, measured) == ''
