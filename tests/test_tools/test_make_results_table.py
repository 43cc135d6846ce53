import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools/analysis_tools'))
    import make_results_table

    yield make_results_table
    sys.modules.pop('make_results_table')


@pytest.fixture
def project(tmp_path):
    """A copy of the project's config READMEs and metafiles."""
    for path in ROOT.glob('configs/*/metafile.yml'):
        folder = tmp_path / path.parent.relative_to(ROOT)
        folder.mkdir(parents=True)
        shutil.copy(path, folder)
        shutil.copy(path.with_name('README.md'), folder)
    return tmp_path


def test_tables_of_the_project_are_up_to_date(tool):
    tool.main(['--check'])


def test_metafiles_name_configurations_that_exist():
    for path in ROOT.glob('configs/*/metafile.yml'):
        content = yaml.safe_load(path.read_text())
        collections = {entry['Name'] for entry in content['Collections']}
        for model in content['Models']:
            assert (ROOT / model['Config']).is_file(), model['Config']
            assert Path(model['Config']).stem == model['Name']
            assert model['In Collection'] in collections
        named = {model['Name'] for model in content['Models']}
        files = {config.stem for config in path.parent.glob('*.py')}
        assert files <= named, f'{path}: {files - named} missing'


def test_a_recorded_result_fills_its_row(tool, project, capsys):
    scores = project / 'scores.json'
    scores.write_text(json.dumps({'search/mAP': 0.459, 'search/top1': 0.82}))
    name = 'alignps_r50_1xb4-24e_prw'
    for seed in ('0', '0', '1'):
        tool.main(
            ['--root', str(project), '--record', f'configs/alignps/{name}.py',
             str(scores), '--seed', seed]
        )  # fmt: skip
    rows = json.loads((project / 'docs/results/reproduced.json').read_text())
    assert [(row['config'], row['seed']) for row in rows] == [
        (name, 0),
        (name, 1),
    ], 'the second result of seed 0 replaces the first'
    readme = (project / 'configs/alignps/README.md').read_text()
    line = next(row for row in readme.splitlines() if f'[{name}]' in row)
    assert '45.9 ± 0.0 | 82.0 ± 0.0' in line
    tool.main(['--root', str(project), '--check'])


def test_an_edited_table_is_out_of_date(tool, project):
    readme = project / 'configs/alignps/README.md'
    readme.write_text(readme.read_text().replace('45.9', '55.9'))
    with pytest.raises(UserError, match='out of date: configs/alignps'):
        tool.main(['--root', str(project), '--check'])


def test_rows_are_printed(tool, tmp_path, capsys):
    rows = [
        dict(target='prw', method='roi-alignps', start=start, seed=0,
             mAP=value, top1=value, commit='x')
        for start, value in (('scratch', 0.2), ('pretrained', 0.3))
    ]  # fmt: skip
    (tmp_path / 'metrics.json').write_text(json.dumps(rows))
    tool.main(['--rows', str(tmp_path / 'metrics.json')])
    assert (
        '| pretrained | 1 | 30.0 | 30.0 | +10.0 |' in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ('content', 'message'),
    [('{', 'is not JSON'), ('[{"mAP": 1}]', 'row 0 has no top1')],
)
def test_bad_rows_are_one_line_errors(tool, tmp_path, content, message):
    (tmp_path / 'rows.json').write_text(content)
    with pytest.raises(UserError, match=message):
        tool.main(['--rows', str(tmp_path / 'rows.json')])
