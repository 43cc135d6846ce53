"""Finds what a run needs besides the library: configurations and tools.

In the repository they lie beside the package. A wheel carries them inside the
package, in the folder ``.mim``, where OpenMMLab's packages keep theirs.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .utils.errors import UserError

PACKAGE = Path(__file__).resolve().parent
PACKED = PACKAGE / '.mim'
# Command of ``mmdet-ps`` -> the tool it runs, and what that does.
COMMANDS = {
    'train': ('train.py', 'train a model'),
    'test': ('test.py', 'test a model'),
    'score': ('test_results*.py', 'score a file of results'),
    'search': ('search_folder.py', 'search persons in your own footage'),
    'prepare': ('prepare_data.py', 'verify and convert a dataset'),
    'convert': (
        'model_converters/*.py',
        'weights of other projects, weights to fine-tune from',
    ),
    'check-env': ('check_env.py', 'say what is installed and what is wrong'),
    'new-project': (
        'new_project.py',
        'a folder with the four run scripts and a configuration to edit',
    ),
    'download': ('prepare_weights.py', 'fetch weights and models ahead'),
    'publish': ('publish.py', 'a trained model as a folder to upload'),
}
SCORED = {
    'cuhk-sysu': 'test_results.py',
    'prw': 'test_results_prw.py',
    'posetrack21': 'test_results_posetrack21.py',
}


def root() -> Path:
    """The folder that holds ``configs``, ``tools`` and the run scripts."""
    return PACKED if PACKED.is_dir() else PACKAGE.parent


def find_tool(name: str) -> Path:
    """The file of a tool.

    Args:
        name: Its path below ``tools``.

    Raises:
        UserError: The repository has such a tool, but the wheel does not, or
            nobody has.
    """
    path = root() / 'tools' / name
    if not path.is_file():
        raise UserError(
            f'tools/{name}: no such tool'
            + (
                '; those for synthetic data and for developing are in the '
                'repository alone'
                if PACKED.is_dir()
                else ''
            )
        )
    return path


def find_config(name: str | os.PathLike) -> Path:
    """The file of a configuration, wherever one is.

    Args:
        name: Path of the file, from here or from the folder of this
            package's configurations, or the name of the file alone; ``.py``
            may be left out.

    Raises:
        UserError: There is none; the message names those of similar names.
    """
    text = os.fspath(name)
    file = text if text.endswith('.py') else f'{text}.py'
    for folder in (Path(), root(), root() / 'configs'):
        if (folder / file).is_file():
            return folder / file
    named = [path for path in configs() if path.name == file]
    if named:
        return named[0]
    names = {path.stem for path in configs()}
    near = difflib.get_close_matches(Path(file).stem, sorted(names), n=3)
    raise UserError(
        f'{text}: no such configuration; '
        + (
            f'did you mean {" or ".join(near)}?'
            if near
            else f'those of this package are in {root() / "configs"}'
        )
    )


def configs() -> Iterator[Path]:
    """Every configuration that can be run: of this folder, of the package."""
    for folder in dict.fromkeys((Path('configs'), root() / 'configs')):
        yield from sorted(folder.glob('*.py'))
        yield from sorted(folder.glob('[!_]*/*.py'))


def as_installed(text: str) -> str:
    """A text that names tools of the repository, as it is true here.

    Where the package is installed from a wheel there is no folder ``tools``,
    and every tool in the text is named as a command of ``mmdet-ps``.
    """
    if not PACKED.is_dir():
        return text
    short = {tool: command for command, (tool, _) in COMMANDS.items()}
    short.update({file: f'score {name}' for name, file in SCORED.items()})

    def command(match: re.Match) -> str:
        tool = match[1]
        if tool.startswith('model_converters/'):
            kind = Path(tool).stem.replace('_', '-')
            return f'mmdet-ps convert {kind}'
        if not (PACKED / 'tools' / tool).is_file():
            return match[0]
        return f'mmdet-ps {short.get(tool, f"tools/{tool}")}'

    text = re.sub(r'\b(?:python )?tools/([\w/]+\.py)\b', command, text)
    return text.replace('sh tools/install.sh', 'pip install mmdet_ps')
