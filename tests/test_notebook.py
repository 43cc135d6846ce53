"""The notebook about the quickstart's results runs on small ones."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.evaluation.results_file import load_results

from .test_tools.scoring_trees import dump

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / 'docs/quickstart.ipynb'
CELLS = json.loads(NOTEBOOK.read_text())['cells']
SETTINGS = dict(dataset='prw', preset=None, settings={})


def source_of(cell):
    return ''.join(cell['source'])


@pytest.fixture
def work(tmp_path):
    """A folder as the quickstart leaves it: two runs on a tiny PRW."""
    data = tmp_path / 'data'
    for tool in (
        ('make_synthetic.py', data, '--size', 'tiny', '--sets', 'PRW'),
        ('prepare_data.py', 'all', data),
    ):
        subprocess.run(
            [sys.executable, ROOT / 'tools' / tool[0], *tool[1:]],
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
            check=True,
            capture_output=True,
        )
    (protocol,) = read_protocols('prw', data / 'PRW', ['standard'])
    for seed, start in enumerate(('scratch', 'pretrained')):
        run = tmp_path / f'runs/prw_{start}'
        run.mkdir(parents=True)
        dump(run / 'results.pkl', protocol, seed, SETTINGS)
    rows = [
        dict(target='prw', start=start, mAP=0.125, top1=0.5)
        for start in ('scratch', 'pretrained')
    ]
    (tmp_path / 'metrics.json').write_text(json.dumps(rows))
    return tmp_path


@pytest.mark.slow
def test_every_cell_runs_and_says_what_the_evaluator_says(work, monkeypatch):
    pyplot = pytest.importorskip('matplotlib.pyplot')
    pyplot.switch_backend('agg')
    monkeypatch.setenv('QUICKSTART', str(work))
    monkeypatch.chdir(NOTEBOOK.parent)
    names, said = {'__name__': 'notebook'}, io.StringIO()
    with contextlib.redirect_stdout(said):
        for number, cell in enumerate(CELLS):
            if cell['cell_type'] == 'code':
                code = compile(source_of(cell), f'cell {number}', 'exec')
                exec(code, names)
    figures = len(pyplot.get_fignums())
    pyplot.close('all')
    assert figures == 6
    printed = said.getvalue()
    assert re.search(r'prw +scratch +12\.5 +50\.0', printed)
    results = load_results(work / 'runs/prw_pretrained/results.pkl')
    assert f'{len(results.records)} pictures' in printed
    scored = float(re.search(r'searches, mAP ([\d.]+)', printed)[1])
    again = float(re.search(r'as in the run +mAP +([\d.]+)', printed)[1])
    assert 0 < scored == again


def test_without_a_quickstart_the_notebook_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv('QUICKSTART', str(tmp_path))
    first = next(cell for cell in CELLS if cell['cell_type'] == 'code')
    with pytest.raises(SystemExit, match='run bash quickstart.sh'):
        exec(source_of(first), {})


def test_the_notebook_is_kept_without_what_a_run_leaves():
    for cell in CELLS:
        assert not cell.get('outputs') and not cell.get('execution_count')


def test_links_of_the_notebook_lead_to_pages():
    text = '\n'.join(map(source_of, CELLS))
    targets = re.findall(r'\]\(([^)#]+)\)', text)
    assert len(targets) >= 3
    for target in targets:
        assert (NOTEBOOK.parent / target).is_file(), target
