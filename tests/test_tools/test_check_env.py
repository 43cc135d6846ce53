"""The report of the environment, in order and broken in the usual ways."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import mmdet_ps.ops as ops

TOOL = Path(__file__).parents[2] / 'tools/check_env.py'


def load_tool():
    spec = importlib.util.spec_from_file_location('check_env', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_tool(*options, environment=None):
    return subprocess.run(
        [sys.executable, *options, str(TOOL)],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_every_operator_is_named_with_its_source(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['check_env.py'])
    assert load_tool().main() == 0
    lines = capsys.readouterr().out.splitlines()
    report = dict(line.split(maxsplit=1) for line in lines)
    compiled = ops.compiled_operators() is not None
    for name, source in ops.SOURCES.items():
        assert report[name] == ('compiled into mmcv' if compiled else source)
    assert report['onedl-mmcv']
    assert lines[-1] == 'nothing is wrong'


def test_an_operator_that_fails_is_found(monkeypatch, capsys):
    import mmcv.ops

    def broken(*args):
        raise RuntimeError('no kernel image is available\nmore')

    monkeypatch.setattr(mmcv.ops, 'nms', broken)
    monkeypatch.setattr(sys, 'argv', ['check_env.py', '--quiet'])
    assert load_tool().main() == 1
    output = capsys.readouterr()
    assert output.out == ''
    assert 'mmcv.ops.nms' in output.err
    assert 'RuntimeError: no kernel image is available' in output.err
    assert 'remedy: run: sh tools/install.sh' in output.err


def test_without_any_package_it_reports_and_does_not_crash():
    result = run_tool('-I', '-S')
    assert result.returncode == 1
    assert 'torch is not installed' in result.stderr
    assert 'sh tools/install.sh' in result.stderr
    assert 'Traceback' not in result.stderr


def write_broken(folder, name, error):
    (folder / name).mkdir()
    (folder / name / '__init__.py').write_text(f'raise {error}\n')


def test_packages_that_do_not_fit_are_told_with_the_remedy(tmp_path):
    write_broken(
        tmp_path,
        'torchvision',
        "RuntimeError('operator torchvision::nms does not exist')",
    )
    write_broken(
        tmp_path,
        'cv2',
        "ImportError('libGL.so.1: cannot open shared object file')",
    )
    result = run_tool(environment={'PYTHONPATH': str(tmp_path)})
    assert result.returncode == 1
    assert 'import torchvision fails' in result.stderr
    assert 'must be a pair' in result.stderr
    assert 'libGL.so.1' in result.stderr
    assert 'opencv-python-headless' in result.stderr
    assert 'Traceback' not in result.stderr


@pytest.mark.parametrize(
    'version, fits',
    [('2.14.1', True), ('2.14.1+cpu', True), ('2.13.0+cpu', False)],
)
def test_the_ranges_are_those_of_setup_py(version, fits):
    tool = load_tool()
    assert tool.is_within(version, tool.required_ranges()['torch']) == fits
