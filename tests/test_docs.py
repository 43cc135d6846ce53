"""Commands and code in the documentation are run, so that they stay true."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import mmdet_ps
from mmdet_ps.datasets.native.expected import EXPECTED

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r'^```(\w+)\n(.*?)^```', re.MULTILINE | re.DOTALL)


def blocks(page, language):
    """Code blocks of one language on a page."""
    text = (ROOT / page).read_text()
    return [code for kind, code in FENCE.findall(text) if kind == language]


def write_python_blocks(page, folder):
    """Blocks that start with "# some/file.py" become that file."""
    for code in blocks(page, 'python'):
        name = re.match(r'# (\S+\.py)\n', code)
        assert name, f'{page}: a Python block does not name its file'
        path = folder / name.group(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)


@pytest.mark.slow
def test_the_method_of_add_a_method_trains_and_is_scored(tmp_path):
    for name in ('configs', 'tools', 'mmdet_ps'):
        (tmp_path / name).symlink_to(ROOT / name)
    write_python_blocks('docs/add_a_method.md', tmp_path)
    commands = '\n'.join(blocks('docs/add_a_method.md', 'sh'))
    environment = {
        **os.environ,
        'PYTHONPATH': '.',
        'OMP_NUM_THREADS': '1',
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}'
        f'{os.environ["PATH"]}',
    }
    done = subprocess.run(
        ['sh', '-e', '-c', commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    losses = [
        float(value)
        for value in re.findall(r' loss: ([\d.]+)', done.stdout + done.stderr)
    ]
    assert losses[-1] < losses[0], losses
    pictures = list((tmp_path / 'pooled/rankings').glob('*.jpg'))
    assert len(pictures) >= 2
    assert (tmp_path / 'pooled/scores.json').is_file()
    # By the hook, after the last validation and in the test.
    assert list((tmp_path / 'pooled').rglob('ranking_worst_0*'))


# What the tutorial says, and what a test has the time for.
SMALLER = {
    'street.py --work-dir': 'street.py --cfg-options train_cfg.max_iters=2 '
    'default_hooks.checkpoint.interval=2 --work-dir',
    'sources.py \\': 'sources.py --cfg-options train_cfg.max_iters=2 '
    'default_hooks.checkpoint.interval=2 val_cfg=None val_dataloader=None '
    'val_evaluator=None \\',
    'footage/MOT17/street\n': 'footage/MOT17/street --seconds 20 '
    '--labelled 20 --persons 3\n',
    '--size quick': '--size tiny',
    'iter_300': 'iter_2',
    '--index-only': '--index-only --score-thr 0',
    '--box 64': '--score-thr 0 --box 64',
}


@pytest.mark.slow
def test_the_tutorial_on_own_footage_goes_from_video_to_answers(tmp_path):
    for name in ('configs', 'tools', 'mmdet_ps', 'lab'):
        (tmp_path / name).symlink_to(ROOT / name)
    page = 'docs/own_footage_tutorial.md'
    write_python_blocks(page, tmp_path)
    # (a page that is served does not end)
    commands = '\n'.join(
        code for code in blocks(page, 'sh') if 'search_page' not in code
    )
    for words, fewer in SMALLER.items():
        assert words in commands, words
        commands = commands.replace(words, fewer)
    environment = {
        **os.environ,
        'PYTHONPATH': '.',
        'OMP_NUM_THREADS': '1',
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}'
        f'{os.environ["PATH"]}',
    }
    done = subprocess.run(
        ['sh', '-e', '-c', commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-6000:]
    # The pre-trained weights arrived.
    loaded = re.findall(r'weights for \w+: (\d+) loaded', printed)
    assert int(loaded[-1]) > 100, loaded
    assert 'search/mAP' in printed
    report = json.loads((tmp_path / 'search/ranking.json').read_text())
    assert report['query']['frame'] == 30 and report['frames'] == 50
    assert report['persons'] > 0 and report['tracks'] > 0
    assert (tmp_path / 'search/ranking.jpg').is_file()


PAGES = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    *sorted(ROOT.glob('docs/**/*.md')),
]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    text = FENCE.sub('', page.read_text())
    for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)', text):
        if not target.startswith(('http://', 'https://')):
            assert (page.parent / target).exists(), f'{page.name}: {target}'


def anchors_of(page):
    """Anchors of the headings of a page, as a code host makes them."""
    anchors, seen = set(), Counter()
    for heading in re.findall(
        r'^#+ (.+)$', FENCE.sub('', page.read_text()), re.MULTILINE
    ):
        text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading).lower()
        slug = re.sub(r'[^\w\- ]', '', text).replace(' ', '-')
        anchors.add(f'{slug}-{seen[slug]}' if seen[slug] else slug)
        seen[slug] += 1
    return anchors


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_anchors_are_found_on_a_code_host(page):
    text = FENCE.sub('', page.read_text())
    for target, anchor in re.findall(r'\]\(([^)#\s]*)#([^)\s]+)\)', text):
        if not target.startswith(('http://', 'https://')):
            other = page.parent / target if target else page
            assert anchor in anchors_of(other), f'{target}#{anchor}'


def test_tools_named_in_the_documentation_exist():
    pages = [*PAGES, *ROOT.glob('configs/*/README.md')]
    missing = []
    for page in pages:
        for path in re.findall(
            r'\b(?:tools|configs)/[\w./-]+\.(?:py|sh)\b', page.read_text()
        ):
            if 'CONFIG' not in path and not (ROOT / path).is_file():
                missing.append(f'{page.relative_to(ROOT)}: {path}')
    assert not missing, '\n'.join(missing)


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == mmdet_ps.__version__


def test_every_extra_is_explained():
    (call,) = [
        node
        for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, 'id', '') == 'setup'
    ]
    (extras,) = [k.value for k in call.keywords if k.arg == 'extras_require']
    page = (ROOT / 'docs/installing.md').read_text()
    table = page[page.index('| extra | for |') :].split('\n\n')[0]
    first_cells = ' '.join(re.findall(r'^\| (`[^|]*) \|', table, re.MULTILINE))
    assert set(re.findall(r'`(\w+)`', first_cells)) == {
        key.value for key in extras.keys
    }


def printed_texts():
    """Every text of the code, with `…` in the place of what varies."""

    def text_of(node):
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else ''
        return ''.join(
            part.value if isinstance(part, ast.Constant) else '…'
            for part in node.values
        )

    texts = []
    for folder in ('mmdet_ps', 'tools'):
        for path in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, (ast.Constant, ast.JoinedStr)):
                    texts.append(text_of(node))
    for path in (*ROOT.glob('*.sh'), *ROOT.glob('tools/*.sh')):
        # Texts go over several lines, in quotes of both kinds.
        text = re.sub(r'\s*\\\n\s*', ' ', path.read_text())
        text = re.sub(r'[\'"] [\'"]', ' ', text)
        texts.append(re.sub(r'\$\{?\w+[^ ]*', '…', text))
    return texts


def test_messages_that_are_explained_are_printed():
    page = (ROOT / 'docs/faq.md').read_text()
    messages = re.findall(r'^\| `([^`]+)` \|', page, re.MULTILINE)
    assert len(messages) > 40
    texts = printed_texts()
    missing = [
        message
        for message in messages
        if not any(
            all(part.strip() in text for part in message.split('…'))
            for text in texts
        )
    ]
    assert not missing, '\n'.join(missing)


@pytest.mark.parametrize(
    ('form', 'page'), [('prw', 'prw'), ('cuhk-sysu', 'cuhk_sysu')]
)
def test_the_counts_on_a_page_are_those_that_data_is_verified_by(form, page):
    text = (ROOT / f'docs/datasets/{page}.md').read_text()
    rows = [
        line.strip('| ').split(' | ')
        for line in text.splitlines()
        if line.startswith(('| training |', '| test |'))
    ]
    assert len(rows) == 2
    for part, images, boxes, known, unknown, ids in rows:
        part = part.removesuffix('ing')
        expected = EXPECTED[form]
        for cell, key in [
            (images, 'images'),
            (boxes, 'boxes'),
            (known, 'boxes with id'),
            (unknown, 'boxes without id'),
        ]:
            assert cell.strip() == f'{expected[f"{part} {key}"]:,}', key
        numbers = [
            int(n.replace(',', '')) for n in re.findall(r'[\d,]*\d', ids)
        ]
        assert sum(numbers) == expected[f'{part} ids']
