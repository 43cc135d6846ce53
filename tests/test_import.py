"""Importing the package is quick, and everything is there when asked for."""

import subprocess
import sys
import textwrap

import pytest

import mmdet_ps.on_import as on_import


def run_python(code):
    """Run ``code`` in a fresh interpreter; its output."""
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


HEAVY = ['torch', 'mmengine', 'mmcv', 'mmdet']


@pytest.mark.parametrize(
    ('module', 'absent'),
    [
        ('mmdet_ps', ['numpy', 'torch', 'mmengine', 'mmcv', 'mmdet']),
        ('mmdet_ps.structures', HEAVY),
        ('mmdet_ps.datasets.native', HEAVY),
        ('mmdet_ps.datasets.annotation_file', HEAVY),
        ('mmdet_ps.evaluation', HEAVY),
        ('mmdet_ps.evaluation.search', [*HEAVY, 'scipy']),
        ('mmdet_ps.evaluation.report', HEAVY),
        ('mmdet_ps.evaluation.results_file', HEAVY),
        ('mmdet_ps.evaluation.records', HEAVY),
        ('mmdet_ps.apis.footage', HEAVY),
        ('mmdet_ps.apis.footage_search', HEAVY),
        ('mmdet_ps.apis.search_report', HEAVY),
        ('mmdet_ps.apis.ranked_results', HEAVY),
        ('mmdet_ps.visualization.report', HEAVY),
        ('mmdet_ps.visualization.dataset_page', HEAVY),
    ],
)
def test_an_import_loads_no_more_than_it_needs(module, absent):
    loaded = run_python(f'import sys, {module}; print(*sys.modules)').split()
    assert module in loaded
    assert not set(absent) & set(loaded)


PARTS = {
    'MODELS': 'OIMLoss',
    'TASK_UTILS': 'PersonAssigner',
    'DATASETS': 'PersonSearchDataset',
    'TRANSFORMS': 'PackPersonSearchInputs',
    'METRICS': 'PersonSearchMetric',
    'HOOKS': 'CheckedLoadHook',
    'VISUALIZERS': 'RankingVisualizer',
}


@pytest.mark.slow
@pytest.mark.parametrize(
    'first',
    ['import mmdet_ps, mmdet.registry', 'import mmdet.registry, mmdet_ps'],
)
def test_registries_find_the_parts_whatever_comes_first(first):
    output = run_python(f"""
        {first}
        import sys
        from mmdet import registry
        assert 'mmdet_ps.models' not in sys.modules
        for name, part in {PARTS}.items():
            print(getattr(registry, name).get(part).__name__)
    """)
    assert output.split() == list(PARTS.values()), 'and nothing else'


def test_only_the_named_import_is_wrapped(monkeypatch, tmp_path):
    """Before, the module itself, after; the source stays readable."""
    import contextlib
    import importlib
    import inspect

    for name in ('wrapped_module', 'other_module'):
        (tmp_path / f'{name}.py').write_text('value = 1\n')
    seen = []

    @contextlib.contextmanager
    def around(module):
        seen.append(hasattr(module, 'value'))
        yield
        seen.append(hasattr(module, 'value'))

    monkeypatch.syspath_prepend(str(tmp_path))
    finder = on_import.AroundImports(
        {'wrapped_module': around, 'missing_module': around}
    )
    monkeypatch.setattr(sys, 'meta_path', [finder, *sys.meta_path])
    importlib.import_module('other_module')
    assert seen == []
    module = importlib.import_module('wrapped_module')
    assert seen == [False, True]
    assert inspect.getsource(module) == 'value = 1\n'
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('missing_module')


def test_a_package_gives_its_parts_and_nothing_else():
    import mmdet_ps.apis
    import mmdet_ps.datasets

    for package in (mmdet_ps.apis, mmdet_ps.datasets):
        for name in package.__all__:
            assert getattr(package, name).__name__ == name
        with pytest.raises(AttributeError, match='no attribute .nothing'):
            package.nothing  # noqa: B018
