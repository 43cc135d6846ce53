"""The command ``mmdet-ps``: runs every tool, from any folder.

``python -m mmdet_ps`` is the same.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .resources import COMMANDS, SCORED, find_tool, root
from .utils.command_line import run_command
from .utils.errors import UserError
from .version import __version__

PROGRAM = 'mmdet-ps'
# What only the native files of a dataset hold.
SIGNS = {
    'cuhk-sysu': 'annotation/pool.mat',
    'prw': 'query_info.txt',
    'posetrack21': 'posetrack_person_search',
}


def main() -> NoReturn:
    """Run the command that the command line names, and end the process."""
    run_command(lambda: dispatch(sys.argv[1:]))


def dispatch(words: list[str]) -> int | None:
    """Run one command.

    Args:
        words: The command line behind the name of the program.

    Returns:
        int or None: Its exit status.
    """
    if not words or words[0] in ('-h', '--help'):
        print(usage())
        return None
    if words[0] == '--version':
        print(f'mmdet_ps {__version__}')
        return None
    command, *arguments = words
    if command == 'score':
        return score(arguments)
    if command == 'convert':
        return convert(arguments)
    if command in COMMANDS:
        return run_tool(COMMANDS[command][0], command, arguments)
    if command.startswith('tools/'):
        return run_tool(command.removeprefix('tools/'), command, arguments)
    raise unknown('command', command, list(COMMANDS), PROGRAM)


def usage() -> str:
    """What ``mmdet-ps --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [
        f'usage: {PROGRAM} COMMAND [options]',
        '',
        f'Person search with hybrid pre-training, version {__version__}.',
        '',
        *(f'  {name:{width}}  {what}' for name, (_, what) in COMMANDS.items()),
        '',
        f'`{PROGRAM} COMMAND --help` lists the options of a command;',
        f'`{PROGRAM} tools/NAME.py` runs any other tool of the repository.',
        f'Configurations and tools: {root()}',
    ]
    return '\n'.join(lines)


def run_tool(tool: str, name: str, arguments: list[str]) -> int | None:
    """Run a tool as if its file had been called.

    Args:
        tool: Path below the folder of tools.
        name: What the tool calls itself in messages, behind ``mmdet-ps``.
        arguments: Its command line.

    Returns:
        int or None: Its exit status.
    """
    main = load_tool(find_tool(tool))
    sys.argv = [f'{PROGRAM} {name}', *arguments]
    return main()


def load_tool(path: Path) -> Callable[[], int | None]:
    """The function that a tool runs."""
    # As for a script: tools share parts that lie beside them.
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where what it defines is looked for
    spec.loader.exec_module(module)
    return module.main


def score(arguments: list[str]) -> int | None:
    """Score a file of results by the tool of its dataset."""
    usage = (
        f'usage: {PROGRAM} score [{"|".join(SCORED)}] RESULTS --data-root '
        'DIR [options]\n\nWithout its name, the dataset is the one that DIR '
        'holds.\nThe protocols are options of their own for each dataset; '
        'for PRW:\n'
    )
    if not arguments or arguments[0] in ('-h', '--help'):
        print(usage)
        arguments = ['prw', '--help']
    if arguments[0] in SCORED:
        name, *arguments = arguments
    else:
        name = scored_dataset(arguments)
    return run_tool(SCORED[name], f'score {name}', arguments)


def scored_dataset(arguments: list[str]) -> str:
    """The dataset in the folder that ``--data-root`` names."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument('--data-root', default='')
    try:
        folder = parser.parse_known_args(arguments)[0].data_root
    except argparse.ArgumentError:
        folder = ''
    choices = ', '.join(SCORED)
    if not folder:
        raise UserError(
            f'{PROGRAM} score: --data-root DIR is missing, the native folder '
            f'of the dataset ({choices})'
        )
    for name, sign in SIGNS.items():
        if (Path(folder) / sign).exists():
            return name
    raise UserError(
        f'{folder}: holds none of {choices} in its native form; name the '
        f'dataset to learn what is missing: {PROGRAM} score prw RESULTS '
        f'--data-root {folder}'
    )


def convert(arguments: list[str]) -> int | None:
    """Run a converter of weights."""
    folder = root() / 'tools' / 'model_converters'
    tools = {
        path.stem.replace('_', '-'): f'model_converters/{path.name}'
        for path in sorted(folder.glob('*.py'))
    }
    if not arguments or arguments[0] in ('-h', '--help'):
        print(
            f'usage: {PROGRAM} convert {{{",".join(tools)}}} SRC DST [options]'
        )
        return None
    kind, *arguments = arguments
    if kind not in tools:
        raise unknown('converter', kind, list(tools), f'{PROGRAM} convert')
    return run_tool(tools[kind], f'convert {kind}', arguments)


def unknown(what: str, name: str, names: list[str], help_of: str) -> UserError:
    """The error for a name that is none of the known ones."""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f'did you mean {near[0]}? ' if near else ''
    return UserError(
        f'{name}: no such {what}; {hint}`{help_of} --help` lists them'
    )


if __name__ == '__main__':
    main()
