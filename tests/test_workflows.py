"""Hosted CI does what run_tests.sh does; an image runs the quickstart."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / '.github/workflows/ci.yml'
LINKS = ROOT / '.github/workflows/links.yml'
DOCKERFILE = ROOT / 'Dockerfile'


def commands(script):
    """Words of each command of a script, without variables before it."""
    text = re.sub(r'\\\n\s*', ' ', script)
    found = []
    for line in text.splitlines():
        line = re.sub(r'^([A-Z_0-9]+=\S+ )*(exec )?', '', line.strip())
        line = line.removesuffix(' "$@" </dev/null')
        if line.startswith(('sh tools', '.venv/')):
            found.append(shlex.split(line, comments=True))
    return found


@pytest.fixture(scope='module')
def jobs():
    """The jobs of the workflow by name."""
    return yaml.safe_load(WORKFLOW.read_text())['jobs']


def steps(job):
    return [command for step in job['steps'] for command in
            commands(step.get('run', ''))]  # fmt: skip


def test_every_command_of_the_tests_is_in_a_job(jobs):
    wanted = commands((ROOT / 'run_tests.sh').read_text())
    assert len(wanted) >= 9
    done = [command for job in jobs.values() for command in steps(job)]
    assert [command for command in wanted if command not in done] == []


def test_no_job_does_more_than_the_tests(jobs):
    known = commands((ROOT / 'run_tests.sh').read_text())
    assert [
        command
        for job in jobs.values()
        for command in steps(job)
        if command not in known
    ] == []


def test_the_jobs_are_those_that_were_agreed(jobs):
    assert set(jobs) == {'lint', 'types', 'tests', 'docs', 'wheel'}
    pythons = jobs['tests']['strategy']['matrix']['python']
    oldest = re.search(
        r"python_requires='>=([\d.]+)'", (ROOT / 'setup.py').read_text()
    )
    assert len(pythons) == 2 and pythons[0] == oldest[1]
    run_tests = (ROOT / 'run_tests.sh').read_text()
    assert 'export OMP_NUM_THREADS=1' in run_tests
    assert jobs['tests']['env'] == dict(OMP_NUM_THREADS=1)


def link_check():
    """The words of the command that asks for links to other sites."""
    (job,) = yaml.safe_load(LINKS.read_text())['jobs'].values()
    (script,) = [
        step['run']
        for step in job['steps']
        if step.get('run', '').startswith('lychee')
    ]
    return shlex.split(script)


def test_links_to_other_sites_are_asked_for_every_week():
    # YAML 1.1 reads the key "on" as true.
    (when,) = yaml.safe_load(LINKS.read_text())[True]['schedule']
    minute, hour, *day, weekday = when['cron'].split()
    assert minute.isdigit() and hour.isdigit() and weekday.isdigit()
    assert day == ['*', '*']


def test_every_file_that_links_to_other_sites_is_read_for_it():
    read = {
        path.relative_to(ROOT)
        for word in link_check()
        if word.startswith('./')
        for path in ROOT.glob(word)
    }
    pattern = r'\]\(https?://|URL: https?://'
    listed = subprocess.run(
        ['git', 'grep', '-lE', pattern, '--', ':!tests', ':!.github'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip('not in a clone')
    linking = set(map(Path, listed.stdout.split()))
    assert {Path('README.md'), Path('configs/nae/metafile.yml')} <= linking
    assert linking <= read, linking - read


def test_the_link_check_finds_every_page_and_anchor_of_ours():
    checker = shutil.which('lychee')
    if checker is None:
        pytest.skip('lychee is not installed')
    done = subprocess.run(
        [checker, '--offline', *link_check()[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def instructions():
    """(name, words) of each instruction of the Dockerfile."""
    text = re.sub(r'^#.*\n', '', DOCKERFILE.read_text(), flags=re.M)
    lines = re.sub(r'\\\n\s*', ' ', text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line]


def test_the_image_copies_what_there_is_and_runs_the_quickstart():
    found = instructions()
    for name, words in found:
        if name == 'COPY':
            *sources, _ = [w for w in words.split() if w[:2] != '--']
            assert all((ROOT / source).exists() for source in sources)
        if name == 'RUN':
            done = subprocess.run(['sh', '-n', '-c', words])
            assert done.returncode == 0, words
    assert found[-1] == ('CMD', '["bash", "quickstart.sh"]')
    assert ('USER', '1000') in found


@pytest.mark.parametrize(
    'device, index', [('cpu', 'of-the-cpu'), ('cuda', ''), ('tpu', None)]
)
def test_the_device_of_an_image_picks_the_pytorch(device, index, tmp_path):
    (run,) = [words for name, words in instructions() if 'DEVICE' in words
              and name == 'RUN']  # fmt: skip
    # Stand in for the interpreter and for pip, which shows its index.
    pip = tmp_path / '.venv/bin/pip'
    pip.parent.mkdir(parents=True)
    pip.write_text('#!/bin/sh\necho "index:$PIP_EXTRA_INDEX_URL"\n')
    (tmp_path / 'python').write_text('#!/bin/sh\n')
    for path in (pip, tmp_path / 'python'):
        path.chmod(0o755)
    done = subprocess.run(
        ['/bin/sh', '-c', run],
        cwd=tmp_path,
        env=dict(PATH=str(tmp_path), DEVICE=device, CPU_INDEX='of-the-cpu'),
        capture_output=True,
        text=True,
    )
    if index is None:
        assert done.returncode == 1
        assert done.stderr == 'error: DEVICE=tpu is neither cpu nor cuda\n'
    else:
        assert done.stdout == f'index:{index}\n'


def test_the_image_passes_its_linter():
    linter = Path(sys.executable).with_name('hadolint')
    if not linter.is_file():
        pytest.skip('hadolint is not installed')
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
