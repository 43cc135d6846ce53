"""The command mmdet-ps runs the tools, and says what it does not know."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_ps import cli, resources
from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[1]
SHELL = shutil.which('dash') or 'sh'


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Tools that only say what they are called with; the lines they say."""
    said = []
    files = [tool for tool, _ in resources.COMMANDS.values()]
    files += resources.SCORED.values()
    for name in ['model_converters/a_model.py', *files]:
        path = tmp_path / 'tools' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'import sys\ndef main():\n    SAID.append(({name!r}, sys.argv))\n'
        )
    load = cli.load_tool

    def load_tool(path):
        main = load(path)
        main.__globals__['SAID'] = said
        return main

    monkeypatch.setattr(cli, 'load_tool', load_tool)
    monkeypatch.setattr(sys, 'path', [*sys.path])
    monkeypatch.setattr(sys, 'argv', ['mmdet-ps'])
    monkeypatch.setattr(cli, 'root', lambda: tmp_path)
    monkeypatch.setattr(resources, 'root', lambda: tmp_path)
    before = set(sys.modules)
    yield said
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_every_command_stands_for_a_tool_of_the_repository():
    for tool, _ in resources.COMMANDS.values():
        assert list((ROOT / 'tools').glob(tool)), tool
    for tool in resources.SCORED.values():
        assert (ROOT / 'tools' / tool).is_file()


def test_a_tool_gets_the_rest_of_the_line_and_its_name(tools):
    cli.dispatch(['search', 'config', '--query', 'a.jpg'])
    cli.dispatch(['tools/check_env.py', '--quiet'])
    cli.dispatch(['convert', 'a-model', 'x', 'y'])
    assert tools == [
        ('search_folder.py',
         ['mmdet-ps search', 'config', '--query', 'a.jpg']),
        ('check_env.py', ['mmdet-ps tools/check_env.py', '--quiet']),
        ('model_converters/a_model.py',
         ['mmdet-ps convert a-model', 'x', 'y']),
    ]  # fmt: skip


@pytest.mark.parametrize('name', resources.SCORED)
def test_scoring_finds_the_dataset_by_its_files(name, tools, tmp_path):
    folder = tmp_path / 'any-name'
    sign = folder / cli.SIGNS[name]
    sign.parent.mkdir(parents=True)
    sign.touch()
    cli.dispatch(['score', 'r.pkl', f'--data-root={folder}', '--json', 'o'])
    cli.dispatch(['score', name, 'r.pkl', '--data-root', 'elsewhere'])
    tool = resources.SCORED[name]
    assert tools == [
        (tool, [f'mmdet-ps score {name}', 'r.pkl', f'--data-root={folder}',
                '--json', 'o']),
        (tool, [f'mmdet-ps score {name}', 'r.pkl', '--data-root',
                'elsewhere']),
    ]  # fmt: skip


@pytest.mark.parametrize(
    'words, text',
    [
        (['trian'], 'trian: no such command; did you mean train?'),
        (['score', 'r.pkl'], '--data-root DIR is missing'),
        (['score', 'r.pkl', '--data-root'], '--data-root DIR is missing'),
        (['score', 'r.pkl', '--data-root', '/nowhere'],
         '/nowhere: holds none of cuhk-sysu, prw, posetrack21'),
        (['convert', 'alignsp'], 'did you mean alignps?'),
        (['tools/none.py'], 'tools/none.py: no such tool'),
    ],
)  # fmt: skip
def test_what_is_not_known_is_named(words, text):
    with pytest.raises(UserError) as error:
        cli.dispatch(words)
    assert text in str(error.value)


@pytest.mark.parametrize('words', [[], ['--help'], ['convert']])
def test_help_is_printed(words, capsys):
    assert cli.dispatch(words) is None
    assert capsys.readouterr().out.startswith('usage: mmdet-ps')


def test_help_for_scoring_shows_the_options_of_one_dataset(tools, capsys):
    cli.dispatch(['score', '--help'])
    assert 'usage: mmdet-ps score' in capsys.readouterr().out
    assert tools == [('test_results_prw.py', ['mmdet-ps score prw', '--help'])]


def mmdet_ps(folder, *words):
    return subprocess.run(
        [sys.executable, '-m', 'mmdet_ps', *words],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_tool_names_the_command_in_its_messages(tmp_path):
    done = mmdet_ps(tmp_path, 'train', 'nae_r50-c4_1xb5-7e_prw', '--sede', '1')
    assert done.returncode == 1
    assert 'mmdet-ps train --help' in done.stderr


@pytest.fixture
def project(tmp_path):
    """A folder made by ``mmdet-ps new-project``."""
    done = mmdet_ps(
        tmp_path, 'new-project', 'work', '--config', 'nae_r50-c4_1xb5-7e_prw'
    )
    assert done.returncode == 0, done.stderr
    return tmp_path / 'work'


def run(project, *words, **environment):
    """Run a script of a project with the package of the repository."""
    return subprocess.run(
        [SHELL, *words],
        cwd=project,
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


def test_a_project_holds_scripts_and_a_configuration(project):
    for name in ('train', 'train_alignps', 'test_roi', 'test_roi_prw'):
        script = f'run_{name}.sh'
        assert (project / script).read_text() == (ROOT / script).read_text()
    configs = sorted(
        path.relative_to(project).as_posix()
        for path in (project / 'configs').rglob('*.py')
    )
    assert 'configs/nae/nae_r50-c4_1xb5-7e_prw.py' in configs
    assert 'configs/_base_/models/nae_r50-c4.py' in configs
    for name in configs:
        assert (project / name).read_text() == (ROOT / name).read_text()
    assert (project / 'data').is_dir()


def test_a_project_is_never_overwritten(project):
    edited = project / 'configs/nae/nae_r50-c4_1xb5-7e_prw.py'
    edited.write_text('# mine\n')
    (project / 'data').rmdir()
    (project / 'data').symlink_to(project / 'not mounted')
    again = ('new-project', '.', '--config', 'nae_r50-c4_1xb5-7e_prw')
    # From the repository: the edited one is no configuration any more.
    done = mmdet_ps(project.parent, again[0], project, *again[2:])
    assert done.returncode == 0, done.stderr
    assert 'wrote 0 files' in done.stdout and edited.name in done.stdout
    assert edited.read_text() == '# mine\n'


def test_the_scripts_of_a_project_run_the_installed_tools(project):
    # Stands in for an interpreter: answers both questions, then shows.
    python = project / 'python'
    python.write_text(
        '#!/bin/sh\nif [ "$1" = -c ]; then\n    case $2 in\n'
        f'    *resources*) echo {ROOT} ;;\n    *) echo 2 ;;\n    esac\n'
        'else\n    echo "$@"\nfi\n'
    )
    python.chmod(0o755)
    mine = 'configs/nae/nae_r50-c4_1xb5-7e_prw.py'
    for config, found in {
        mine: mine,
        'nae_r50-c4_1xb5-7e_prw': mine,
        'oim_r50-c4_1xb5-7e_prw':
            f'{ROOT}/configs/oim/oim_r50-c4_1xb5-7e_prw.py',
        'configs/oim/oim_r50-c4_1xb5-7e_prw.py':
            f'{ROOT}/configs/oim/oim_r50-c4_1xb5-7e_prw.py',
    }.items():  # fmt: skip
        done = run(project, 'run_train_alignps.sh', config, '0', 'start.pth',
                   PYTHON=str(python))  # fmt: skip
        name = Path(found).stem
        assert done.stdout == (
            f'{ROOT}/tools/train.py {found} --work-dir work_dirs/{name} '
            '--load-from start.pth\n'
        )
    done = run(project, 'run_test_roi_prw.sh', '2', PYTHON=str(python))
    first, second = done.stdout.splitlines()
    assert first.startswith(
        f'{ROOT}/tools/start_processes.py --standalone --nproc_per_node=2 '
        f'{ROOT}/tools/test.py '
    )
    assert second.startswith(f'{ROOT}/tools/test_results_prw.py ')


def test_a_project_without_the_package_says_so(project):
    python = project / 'python'
    python.write_text('#!/bin/sh\nexit 1\n')
    python.chmod(0o755)
    done = run(project, 'run_train.sh', PYTHON=str(python))
    assert done.returncode == 1
    assert done.stderr == (
        f'error: {python} has no mmdet_ps; install it there with pip, or '
        'name another interpreter: PYTHON=...\n'
    )


def test_a_project_formats_weights_by_the_installed_tool(project):
    script = 'tools/format_epoch_weights_for_pretraining.sh'
    done = run(project, script, 'nowhere')
    assert done.returncode == 1
    assert 'nowhere: no such folder' in done.stderr
