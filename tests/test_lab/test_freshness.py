"""Figures are called stale when code that decides them has changed."""

import json
import subprocess

import pytest

from lab.experiments.freshness import changes_since, stale_results


@pytest.fixture
def repository(tmp_path):
    def git(*words):
        done = subprocess.run(
            ['git', '-c', 'user.name=a', '-c', 'user.email=a@b', *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(path):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
        git('add', '-A')
        git('commit', '-m', path)
        return git('rev-parse', '--short=12', 'HEAD')

    git('init')
    return tmp_path, commit


def test_rows_are_stale_after_a_change_of_models_but_not_of_docs(repository):
    root, commit = repository
    measured = commit('mmdet_ps/models/a.py')
    results = root / 'results'
    results.mkdir()
    rows = [dict(mAP=0.5, commit=measured)] * 2
    (results / 'table.json').write_text(json.dumps(rows))
    commit('docs/a.md')
    assert stale_results(results, root) == []
    commit('configs/a.py')
    commit('mmdet_ps/models/b.py')
    (line,) = stale_results(results, root)
    assert f'table.json: 2 rows were measured at {measured}' in line
    assert '2 commits' in line


def test_an_unknown_commit_is_said(repository, tmp_path):
    root, commit = repository
    commit('configs/a.py')
    assert changes_since('0123456789ab', root) is None
    results = root / 'results'
    results.mkdir()
    (results / 'table.json').write_text('[{"commit": "0123456789ab"}]')
    (line,) = stale_results(results, root)
    assert 'does not know' in line
