"""What MkDocs does not do by itself for the documentation site.

``mkdocs.yml`` names this file as a hook. The README, the guide for
contributors and the READMEs of the configurations become pages of the site,
the reference pages are written from the code, links that lead out of ``docs/``
are kept right, formulas become MathML, and a page that the navigation forgot
is shown under "More".
"""

import ast
import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Files outside of docs/ that are pages: address in the site -> file.
OUTSIDE = {'index.md': 'README.md', 'contributing.md': 'CONTRIBUTING.md'} | {
    f'configs/{readme.parent.name}.md': readme.relative_to(ROOT).as_posix()
    for readme in sorted(ROOT.glob('configs/*/README.md'))
}
# Folders that the site has a page about.
FOLDERS = {
    'configs': 'reference/configurations.md',
    'tools': 'reference/commands.md',
}
# Packages of the reference, and what each is there for.
PACKAGES = {
    'apis': 'A model as functions, and search in footage of your own.',
    'structures': 'Plain data that the other packages hand around.',
    'datasets': 'Datasets, their native readers, transforms and samplers.',
    'models': 'Networks, losses and detectors.',
    'evaluation': 'Detections and a protocol in, scores out.',
    'visualization': 'Pictures of rankings and datasets, and the report.',
    'engine': 'Hooks, optimizers and the check of a run.',
    'export': 'Models as ONNX files.',
    'ops': 'Operators where mmcv has none compiled.',
    'utils': 'Configurations, weights, files, errors and commands.',
}
SCALES = 'train_dataloader.dataset.pipeline[2].scales'
# Columns of the table of configurations, and the keys that fill each.
NUMBERS = {
    'pictures per GPU': ['train_dataloader.batch_size'],
    'rate': [
        'optim_wrapper.optimizer.lr',
        'optim_wrapper.parts.det.optimizer.lr',
    ],
    'epochs, or steps': ['train_cfg.max_epochs', 'train_cfg.max_iters'],
    'size in training': [SCALES],
}
ALIGNED = '| --: ' * len(NUMBERS) + '|'
FENCE = re.compile(r'^( *)(```|~~~).*?^\1\2', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)')
FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL
)


def on_config(config: MkDocsConfig) -> None:
    """Add the pages that the navigation does not name to its end."""
    named = set(_pages_of(config.nav))
    docs = Path(config.docs_dir)
    pages = [p.relative_to(docs).as_posix() for p in docs.rglob('*.md')]
    forgotten = sorted({*pages, *OUTSIDE, *_references()} - named)
    if forgotten:
        config.nav.append({'More': forgotten})


def _pages_of(nav: list | dict | str) -> Iterator[str]:
    """Addresses of all pages of a navigation."""
    if isinstance(nav, str):
        yield nav
        return
    for entry in nav.values() if isinstance(nav, dict) else nav:
        yield from _pages_of(entry)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that do not lie in docs/."""
    for address, path in OUTSIDE.items():
        text = (ROOT / path).read_text(encoding='utf-8')
        files.append(File.generated(config, address, content=text))
    for address, write in _references().items():
        files.append(File.generated(config, address, content=write()))


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Make links between files of the repository links of the site."""
    address = page.file.src_uri
    if address in _references():
        return markdown
    path = OUTSIDE.get(address, f'docs/{address}')

    def relink(match: re.Match) -> str:
        return site_link(match, path, address, files)

    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(relink, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return ''.join([*parts, LINK.sub(relink, markdown[end:])])


def site_link(match: re.Match, path: str, address: str, files: Files) -> str:
    """A Markdown link of a file of the repository, for the site.

    Args:
        match (re.Match): of ``LINK``.
        path (str): the file that the link stands in, from the root of the
            repository.
        address (str): the page that it becomes.
        files (Files): of the site.

    Returns:
        str: the same link to another page, or, where the file is no page of
        the site, the text with the path of the file behind it.
    """
    image, text, target = match.groups()
    if re.match(r'\w+:|#', target):
        return match[0]
    target, _, anchor = target.partition('#')
    goal = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    pages = {file: page for page, file in OUTSIDE.items()}
    readme = f'{goal}/README.md'
    found = pages.get(goal) or pages.get(readme) or FOLDERS.get(goal)
    if found is None and goal.startswith('docs/'):
        found = goal.removeprefix('docs/')
    if found and files.get_file_from_path(found):
        link = posixpath.relpath(found, posixpath.dirname(address) or '.')
        return f'{image}[{text}]({link}{"#" + anchor if anchor else ""})'
    if not (ROOT / goal).exists():
        return match[0]  # MkDocs says that it leads nowhere
    name = text.strip('`')
    return f'`{goal}`' if goal.endswith(name) else f'{text} (`{goal}`)'


def on_page_content(
    html: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Turn the formulas of a page into MathML, which browsers show.

    Raises:
        PluginError: a formula that Markdown did not recognise.
    """
    if '<p>$$' in html:
        raise PluginError(
            f'{page.file.src_uri}: a formula between $$ stands as text; in a '
            'list, indent it by four spaces'
        )
    return FORMULA.sub(lambda match: mathml(match, page.file.src_uri), html)


def mathml(match: re.Match, page: str) -> str:
    """MathML of a formula that ``pymdownx.arithmatex`` found.

    Raises:
        PluginError: a command of TeX that is not known.
    """
    tag, formula = match.groups()
    formula = html.unescape(formula).strip()
    display = 'block' if tag == 'div' else 'inline'
    result = convert(formula, display=display)
    unknown = re.search(r'\\\w+', re.sub(r'<annotation.*', '', result))
    if unknown:
        raise PluginError(f'{page}: {unknown[0]} in {formula} is not known')
    return f'<{tag} class="formula">{result}</{tag}>'


def _references() -> dict:
    """Address of each page that is written from the code, and its writer."""
    return {
        'reference/commands.md': commands,
        'reference/configurations.md': configurations,
        'reference/types.md': registered_types,
        **{
            f'reference/{package}.md': lambda package=package: api(package)
            for package in PACKAGES
        },
    }


def _sources(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Python files of a folder and below it, parsed."""
    for path in sorted(folder.rglob('*.py')):
        yield path, ast.parse(path.read_text(encoding='utf-8'))


def _module_name(path: Path) -> str:
    """Dotted name of the module in a file."""
    name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    return name.removesuffix('.__init__')


def _first_line(node: ast.Module | ast.ClassDef) -> str:
    """First paragraph of a docstring, in one line of a table."""
    text = (ast.get_docstring(node) or '').split('\n\n')[0]
    text = re.sub(r':\w+:`[~.]*([^`]+)`', r'`\1`', text)
    return ' '.join(text.replace('``', '`').replace('|', '\\|').split())


def commands() -> str:
    """Page of the commands in tools/."""
    lines = [
        '# Commands',
        '',
        'Every command lists its options with `--help`. This page is made '
        'from what each says of itself. A mistake of the user is one line '
        'that begins with `error: `, and exit status 1.',
    ]
    for path, module in _sources(ROOT / 'tools'):
        runs = "__name__ == '__main__'" in path.read_text(encoding='utf-8')
        if runs:
            name = path.relative_to(ROOT).as_posix()
            text = ast.get_docstring(module).replace('``', '`')
            lines += ['', f'## {name}', '', text]
    return '\n'.join(lines) + '\n'


def configurations() -> str:
    """Page of all configurations."""
    lines = [
        '# All configurations',
        '',
        'What each file of `configs/` says of itself. How a configuration '
        'is made and changed is said in [Configurations](../configs.md).',
    ]
    for readme in sorted(ROOT.glob('configs/*/README.md')):
        folder = readme.parent
        link = f'../configs/{folder.name}.md'
        lines += ['', f'## {folder.name}', '', f'[About them]({link}).', '']
        heads = ['configuration', 'what', *NUMBERS]
        lines += [f'| {" | ".join(heads)} |', '| :-- | :-- ' + ALIGNED]
        for path in sorted(folder.glob('*.py')):
            module = ast.parse(path.read_text(encoding='utf-8'))
            found = _numbers(path)
            cells = [f'`{path.stem}`', _first_line(module)]
            cells += [
                next((found[key] for key in keys if key in found), '')
                for keys in NUMBERS.values()
            ]
            lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def _numbers(path: Path) -> dict[str, str]:
    """Full keys and values of the numbers that a configuration sets.

    They stand in assignments to ``_base_``; those of the configuration that
    it inherits count where it sets none.
    """
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if not isinstance(node, ast.Assign):
            continue
        key, value = ast.unparse(node.targets[0]), node.value
        if key == '_base_' and isinstance(value, ast.Constant):
            found |= _numbers(path.parent / value.value)
        elif key.startswith('_base_.'):
            found[key.removeprefix('_base_.')] = ast.unparse(value)
        if key == f'_base_.{SCALES}':
            sizes = [f'{x}x{y}' for x, y in ast.literal_eval(value)]
            text = f'{len(sizes)}, {sizes[0]} to {sizes[-1]}'
            found[SCALES] = text if len(sizes) > 1 else sizes[0]
    return found


def registered_types() -> str:
    """Page of the classes that a configuration names by ``type=``."""
    rows: dict[str, list[str]] = {}
    for path, module in _sources(ROOT / 'mmdet_ps'):
        package = path.relative_to(ROOT / 'mmdet_ps').parts[0]
        for node in module.body:
            if not isinstance(node, ast.ClassDef):
                continue
            decorators = ' '.join(map(ast.unparse, node.decorator_list))
            if 'register_module' in decorators:
                anchor = f'{_module_name(path)}.{node.name}'
                link = f'[{node.name}]({package}.md#{anchor})'
                rows.setdefault(package, []).append(
                    f'| {link} | {_first_line(node)} |'
                )
    lines = [
        '# What `type=` can name',
        '',
        'A configuration names classes by `type=`. These are the classes '
        'that this package adds to those of MMDetection; a click leads to '
        'their options.',
    ]
    for package, table in rows.items():
        lines += ['', f'## {package}', '', '| type | |', '| :-- | :-- |']
        lines += sorted(table)
    return '\n'.join(lines) + '\n'


def api(package: str) -> str:
    """Page of the modules of a package, which mkdocstrings fills."""
    lines = [f'# mmdet_ps.{package}', '', PACKAGES[package]]
    for path, module in _sources(ROOT / 'mmdet_ps' / package):
        public = any(
            isinstance(node, (ast.ClassDef, ast.FunctionDef))
            and not node.name.startswith('_')
            for node in module.body
        )
        if public:
            name = _module_name(path)
            title = name.removeprefix(f'mmdet_ps.{package}.')
            lines += ['', f'## {title}', '', f'::: {name}']
    return '\n'.join(lines) + '\n'
