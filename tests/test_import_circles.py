"""No module needs, directly or through others, what needs it."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def module_names(root, packages, folders):
    """Name -> file of all modules of packages and of folders of scripts.

    Scripts import their neighbours by the bare name.
    """
    names = {}
    for package in packages:
        for path in (root / package).rglob('*.py'):
            parts = path.relative_to(root).with_suffix('').parts
            names['.'.join(p for p in parts if p != '__init__')] = path
    for folder in folders:
        names.update({path.stem: path for path in folder.glob('*.py')})
    return names


def needed(name, path, names):
    """Modules that a module imports, also inside of functions."""
    package = name.split('.')
    if path.name != '__init__.py':
        package.pop()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [(alias.name, '') for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                outer = package[: len(package) - node.level + 1]
                base = '.'.join([*outer, base]).rstrip('.')
            found = [(base, alias.name) for alias in node.names]
        else:
            continue
        for base, part in found:
            # "from package import x" may mean the module package.x.
            if f'{base}.{part}' in names:
                yield f'{base}.{part}'
            elif base in names:
                yield base


def circle(root, packages, folders=()):
    """The names along a circle of imports, or nothing."""
    names = module_names(root, packages, folders)
    graph = {
        name: set(needed(name, path, names)) - {name}
        for name, path in names.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize(
    ('first', 'second', 'closed'),
    [
        ('from .b import x', 'from .a import y', True),
        ('from .b import x', 'def f():\n    from . import a', True),
        ('import p.b', 'from p import a', True),
        ('from .b import x', 'import os', False),
        ('from . import b', 'from .c import a', False),
    ],
)
def test_the_test_sees_a_circle(tmp_path, first, second, closed):
    (tmp_path / 'p').mkdir()
    (tmp_path / 'p/__init__.py').touch()
    (tmp_path / 'p/c.py').write_text('a = 1')
    (tmp_path / 'p/a.py').write_text(first)
    (tmp_path / 'p/b.py').write_text(second)
    assert set(circle(tmp_path, ['p'])) == (
        {'p.a', 'p.b'} if closed else set()
    )


def test_a_package_and_its_module_can_make_a_circle(tmp_path):
    (tmp_path / 'p').mkdir()
    (tmp_path / 'p/__init__.py').write_text('from .a import x')
    (tmp_path / 'p/a.py').write_text('from . import y')
    assert set(circle(tmp_path, ['p'])) == {'p', 'p.a'}


def test_there_is_no_circle():
    folders = [p for p in (ROOT / 'tools').rglob('*') if p.is_dir()]
    found = circle(ROOT, ['mmdet_ps', 'lab'], [ROOT / 'tools', *folders])
    assert not found, ' -> '.join(found)
