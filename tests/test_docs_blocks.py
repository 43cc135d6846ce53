"""Every code block of the documentation is parsed, and names what exists.

Python compiles, configurations load, shell commands name tools, options,
settings and configurations that there are.
"""

import contextlib
import functools
import io
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from mmengine.config import Config, DictAction

from mmdet_ps.utils.configuration import apply_options, read_config

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    *sorted(ROOT.glob('docs/**/*.md')),
    *sorted(ROOT.glob('configs/*/README.md')),
]
FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n'
    r'(?P<code>.*?)^(?P=indent)```',
    re.MULTILINE | re.DOTALL,
)
# Languages of commands; those of what is shown and not run are free.
SHELL = {'sh', 'bash'}
LANGUAGES = {*SHELL, 'python', 'json', 'yaml', 'text', 'toml', ''}
# A script hands what it does not know to a tool.
TOOL_BEHIND = {
    'run_train.sh': 'tools/train.py',
    'run_train_alignps.sh': 'tools/train.py',
    'run_test_roi.sh': 'tools/test.py',
    'run_test_roi_prw.sh': 'tools/test.py',
}
# Commands of others that the pages may use.
FOREIGN = {
    *('.', 'cd', 'cp', 'cat', 'echo', 'export', 'head', 'ln', 'ls', 'mkdir'),
    *('mv', 'rsync', 'scp', 'tar', 'unzip', 'for', 'do', 'done', 'nproc'),
    *('git', 'pip', 'docker', 'sbatch', 'srun', 'squeue', 'scancel', 'nohup'),
    *('nvidia-smi', 'tensorboard', 'torchrun', 'mkdocs', 'jupyter', 'grep'),
    *('xdg-open', 'module', 'conda', 'apptainer', 'pre-commit', 'curl', 'if'),
    *('then', 'fi', 'sed', 'df', 'free', 'tail', 'sudo', 'apt'),
}


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    number: int
    language: str
    code: str

    def __str__(self) -> str:
        return f'{self.page.relative_to(ROOT)}-{self.number}'


def blocks_of(page: Path) -> list[Block]:
    """Blocks of a page, without their indentation."""
    return [
        Block(page, number, match['language'], textwrap.dedent(match['code']))
        for number, match in enumerate(FENCE.finditer(page.read_text()), 1)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def in_language(*languages: str) -> list:
    """Parameters of a test: the blocks in these languages."""
    return [
        pytest.param(block, id=str(block))
        for block in BLOCKS
        if block.language in languages
    ]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_blocks_are_whole_and_in_a_known_language(page):
    assert len(re.findall(r'^ *```', page.read_text(), re.M)) == 2 * len(
        blocks_of(page)
    )
    for block in blocks_of(page):
        assert block.language in LANGUAGES, block.language


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_what_stands_in_a_list_is_indented_by_four(page):
    # With fewer spaces the site ends the list there, a code host does not.
    text = FENCE.sub(r'\g<indent>```', page.read_text())
    wrong = re.findall(r'^\n {1,3}(?!\d+\.|[*-] )\S.*', text, re.MULTILINE)
    assert not wrong, wrong


@pytest.mark.parametrize('block', in_language('python'))
def test_python_compiles(block):
    compile(block.code, str(block), 'exec')


@pytest.mark.parametrize('block', in_language('json', 'yaml'))
def test_data_is_read(block):
    read = json.loads if block.language == 'json' else yaml.safe_load
    assert read(block.code) is not None


def is_configuration(code: str) -> bool:
    return re.search(r'^_base_ = ', code, re.M) is not None


@pytest.mark.parametrize(
    'block',
    [
        parameter
        for parameter in in_language('python')
        if is_configuration(parameter.values[0].code)
    ],
)
def test_configurations_load(block, tmp_path):
    def place(match: re.Match) -> str:
        folders = (ROOT, block.page.parent, ROOT / 'configs/nae')
        for folder in folders:
            if (folder / match[1]).is_file():
                return repr(str((folder / match[1]).resolve()))
        raise AssertionError(f'{block}: no file {match[1]}')

    path = tmp_path / 'block.py'
    path.write_text(re.sub(r"'(\.{1,2}/[^']+\.py)'", place, block.code))
    config = Config.fromfile(path, import_custom_modules=False)
    assert config.train_dataloader.dataset


def test_the_configuration_in_the_readme_is_the_file():
    (shown,) = [
        block.code
        for block in blocks_of(ROOT / 'README.md')
        if is_configuration(block.code)
    ]
    path = ROOT / 'configs/nae/nae_r50-c4_1xb5-7e_prw.py'
    assert shown == path.read_text()


@pytest.mark.parametrize('block', in_language(*SHELL))
def test_shell_parses(block):
    shell = shutil.which('dash') or 'sh'
    if block.language == 'bash':
        shell = 'bash'
    done = subprocess.run(
        [shell, '-n'], input=block.code, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def commands_of(block: Block) -> list[list[str]]:
    """Words of every command of a block, without the variables before it."""
    commands = []
    text = block.code.replace('\\\n', ' ')
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars='|&;<>()')
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ';']:
            if not set(word) <= set('|&;()') or word == '':
                words.append(word)
                continue
            while words and re.match(r'[A-Z_a-z]+=', words[0]):
                words.pop(0)
            if words:
                commands.append(words)
            words = []
    return commands


@functools.cache
def help_of(tool: str) -> str:
    """What a Python tool prints for --help."""
    output, path = io.StringIO(), ROOT / tool
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [tool, '--help'])
        patch.syspath_prepend(str(path.parent))
        with contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            runpy.run_path(str(path), run_name='__main__')
    return output.getvalue()


def options_of(command: str) -> set[str]:
    """Options that a tool or a script knows."""
    if command.endswith('.py'):
        return set(re.findall(r'--?[\w-]+', help_of(command)))
    known = set(re.findall(r'--?[\w-]+', (ROOT / command).read_text()))
    behind = TOOL_BEHIND.get(command)
    return known | (options_of(behind) if behind else set())


def check_command(words: list[str], own_files: set[str]) -> None:
    """A command names a program, a tool, options and settings that exist.

    Args:
        words: Of the command.
        own_files: Names of files that the page itself makes.
    """
    program = words[0].rsplit('/', 1)[-1]
    if program in ('python', 'python3', 'sh', 'bash'):
        arguments = [word for word in words[1:] if word != '-e']
        if not arguments or arguments[0] in {'-m', '-c', *own_files}:
            return
        tool = arguments[0]
        assert (ROOT / tool).is_file(), f'no file {tool}'
        check_options(tool, arguments[1:])
    elif program == 'mmdet-ps':
        # A converter has options of its own.
        count = 3 if words[1] == 'convert' else 2
        known = options_of_console_command(*words[1:count])
        unknown = options_among(words[2:]) - known
        assert not unknown, f'mmdet-ps {words[1]} knows no {unknown}'
    else:
        assert program in FOREIGN, f'{program}: no known command'


def options_among(words: list[str]) -> set[str]:
    return {word.split('=')[0] for word in words if re.match(r'--[a-z]', word)}


def check_options(tool: str, words: list[str]) -> None:
    """The options of a tool, and the settings behind --cfg-options."""
    unknown = options_among(words) - options_of(tool)
    assert not unknown, f'{tool} knows no {unknown}'
    config = next(
        (w for w in words if w.startswith('configs/') and w.endswith('.py')),
        None,
    )
    if config and '--cfg-options' in words and (ROOT / config).is_file():
        check_settings(config, words[words.index('--cfg-options') + 1 :])


def check_settings(config: str, words: list[str]) -> None:
    """Settings of a configuration that something reads."""
    pairs = {}
    for word in words:
        key, found, value = word.partition('=')
        if not found or key.startswith('-'):
            break
        pairs[key] = DictAction._parse_iterable(value)
    apply_options(read_config(str(ROOT / config)), pairs)


@functools.cache
def options_of_console_command(*names: str) -> set[str]:
    """Options of ``mmdet-ps NAME``."""
    done = subprocess.run(
        [sys.executable, '-m', 'mmdet_ps', *names, '--help'],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f'mmdet-ps {names}: {done.stderr}'
    return set(re.findall(r'--?[\w-]+', done.stdout))


@pytest.mark.parametrize('block', in_language(*SHELL))
def test_commands_exist(block):
    own_files = {
        match[1]
        for other in blocks_of(block.page)
        for match in re.finditer(r'^# (\S+\.py)$', other.code, re.M)
    }
    for words in commands_of(block):
        try:
            check_command(words, own_files)
        except Exception as error:
            raise AssertionError(f'{" ".join(words)}: {error}') from error


@pytest.mark.parametrize(
    'command',
    [
        'python tools/no_such_tool.py',
        'python tools/train.py CONFIG --no-such-option',
        'sh run_train.sh --no-such-option',
        'python tools/train.py configs/nae/nae_r50-c4_1xb5-7e_prw.py '
        '--cfg-options model.no_such_setting=1',
        'no_such_program',
    ],
)
def test_a_wrong_command_is_noticed(command):
    block = Block(ROOT / 'README.md', 0, 'sh', command)
    with pytest.raises(Exception, match='no_such|no-such'):
        check_command(commands_of(block)[0], set())
