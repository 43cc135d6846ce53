"""The direction of dependencies, read off the imports: inside the library,
and from the laboratory to the library, never back."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'mmdet_ps'
LABORATORY = ROOT / 'lab'

# folder -> folders it may import: those of the library without its name,
# those of the laboratory with theirs. The longest matching folder counts; a
# folder may always import itself.
MAY_IMPORT = {
    'structures': ('utils/errors', 'utils/files'),
    'utils': (),
    'ops': ('utils',),
    'datasets': ('structures', 'utils'),
    'models/losses': ('structures', 'utils', 'models/layers'),
    'models/alignment': (
        'structures',
        'utils',
        'models/layers',
        'models/losses',
        'models/forward_capture',
    ),
    'models/backbones': ('utils', 'models/layers'),
    'models/necks': ('utils', 'models/layers'),
    'models/layers': ('utils',),
    'models/task_modules': ('structures', 'utils'),
    'models/dense_heads': (
        'structures',
        'utils',
        'models/losses',
        'models/layers',
        'models/task_modules',
    ),
    # RoIAlign on CPUs.
    'models/roi_heads': (
        'structures',
        'utils',
        'models/losses',
        'models/layers',
        'models/task_modules',
        'ops/roi_align_windows',
    ),
    'models': ('structures', 'utils'),
    'evaluation': ('structures', 'utils'),
    'visualization': ('structures', 'utils'),
    'export': ('utils',),
    # Estimates memory with the operators of GPUs.
    'engine': ('structures', 'utils', 'visualization', 'models', 'ops'),
    'apis': (
        'structures',
        'utils',
        'visualization',
        'datasets',
        'evaluation',
    ),
    # Draws native files from numbers alone, so that readers are tested
    # against something that does not know them.
    'lab/synthetic': ('utils/errors', 'utils/command_line'),
    'lab': ('utils', 'lab/synthetic'),
}
DATASETS = ('cuhk', 'sysu', 'prw', 'posetrack', 'market1501', 'msmt',
            'crowdhuman', 'luperson')  # fmt: skip


def modules():
    """All files below the top level of the library, those of the laboratory,
    and their folder."""
    for path in sorted(PACKAGE.rglob('*.py')):
        folder = path.relative_to(PACKAGE).parent.as_posix()
        if folder != '.':
            yield path, folder
    for path in sorted(LABORATORY.rglob('*.py')):
        yield path, path.relative_to(ROOT).parent.as_posix()


def imported_folders(source, folder):
    """What a module in ``folder`` imports, as paths of the table's form."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                here = folder.split('/')
                if here[0] != 'lab':
                    here.insert(0, 'mmdet_ps')
                here = here[: len(here) - node.level + 1]
                base = '.'.join([*here, base]).rstrip('.')
            # "from ..models import losses" may import a folder.
            names = [f'{base}.{alias.name}' for alias in node.names]
        else:
            continue
        found.update(
            name.removeprefix('mmdet_ps.').replace('.', '/')
            for name in names
            if name.startswith(('mmdet_ps.', 'lab.'))
        )
    return found


def inside(path, folder):
    """Whether a path lies in a folder."""
    return f'{path}/'.startswith(f'{folder}/')


def rule_of(folder):
    """The longest folder of the table that holds ``folder``."""
    known = [name for name in MAY_IMPORT if inside(folder, name)]
    assert known, f'{folder} is not in MAY_IMPORT: add it, and what it needs'
    return max(known, key=len)


def offences(source, folder):
    """Imports of a module that the table does not allow."""
    rule = rule_of(folder)
    allowed = (rule, *MAY_IMPORT[rule])
    return sorted(
        name
        for name in imported_folders(source, folder)
        if (name.startswith('lab/') or (PACKAGE / name.split('/')[0]).is_dir())
        and not any(inside(name, place) for place in allowed)
    )


@pytest.mark.parametrize(
    ('source', 'folder', 'expected'),
    [
        ('from ...datasets import x', 'models/losses', ['datasets/x']),
        ('from ...structures.fields import x', 'models/losses', []),
        ('import mmdet_ps.models.heads', 'evaluation', ['models/heads']),
        ('from .. import visualization', 'engine', []),
        ('from ...evaluation import metrics', 'engine/hooks',
         ['evaluation/metrics']),
        ('from ..losses import x', 'models/necks', ['models/losses/x']),
        ('def f():\n    from ..utils import x', 'structures', ['utils/x']),
        ('from ..version import __version__', 'structures', []),
        ('import torch\nfrom .fields import x', 'structures', []),
        ('from lab.run_queue import x', 'utils', ['lab/run_queue/x']),
        ('from mmdet_ps.utils import x', 'lab/synthetic', ['utils/x']),
        ('from mmdet_ps.utils import x', 'lab', []),
        ('from ..make import x', 'lab/synthetic/forms', []),
        ('from ...experiments import x', 'lab/synthetic/forms',
         ['lab/experiments/x']),
    ],
)  # fmt: skip
def test_the_test_sees_what_it_should(source, folder, expected):
    assert offences(source, folder) == expected


def test_imports_follow_the_table():
    wrong = [
        f'{path.relative_to(ROOT)} imports {", ".join(names)}'
        for path, folder in modules()
        if (names := offences(path.read_text(), folder))
    ]
    assert not wrong, '\n'.join(wrong)


def test_the_library_knows_no_laboratory_no_tool_and_no_machine_path():
    wrong = []
    for path in PACKAGE.rglob('*.py'):
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                names.append(getattr(node, 'module', None) or '')
                if {'lab', 'tools', 'configs', 'tests'} & {
                    name.split('.')[0] for name in names
                } and not getattr(node, 'level', 0):
                    wrong.append(f'{path}: {ast.unparse(node)}')
        for match in re.finditer(
            r"""['"](/home/|/root|/Users/|/mnt/)""", source
        ):
            wrong.append(f'{path}: {match.group()}')
    assert not wrong, '\n'.join(wrong)


def test_models_and_scores_know_no_dataset_by_name():
    wrong = []
    for path, folder in modules():
        if rule_of(folder).split('/')[0] not in ('models', 'structures'):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, 'name', None) or getattr(node, 'arg', None)
            if isinstance(name, str) and any(
                dataset in name.lower() for dataset in DATASETS
            ):
                wrong.append(f'{path.relative_to(PACKAGE)}: {name}')
    assert not wrong, '\n'.join(wrong)
