"""The page of all models, and the index of their metafiles."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from mmdet_ps.utils.results_table import NOTHING, markdown_table, percent

PAGE = 'docs/model_zoo.md'
INDEX = 'model-index.yml'
PUBLISHED = 'docs/published.yml'
COSTS = 'docs/results/model_costs.json'
BENCHMARK = 'docs/results/benchmark.json'
REPRODUCED = 'docs/results/reproduced.json'
TRAINING_COST = 'docs/cost.md'
DATASETS = ('CUHK-SYSU', 'PRW', 'PoseTrack21')
TEXT = """\
# Model zoo

Every configuration of this package for published data: what was published of
it and where, what it needs, and what was reproduced. Read it to choose one.
It is written by `python tools/analysis_tools/model_zoo.py` out of the
configurations, `configs/*/metafile.yml` and the files in `docs/results`; do
not edit it. What nobody measured is empty ({nothing}).

* **Published** figures are mAP and top-1 in percent, on CUHK-SYSU with a
  gallery of 100 pictures. Beside each method's own page
  ([methods.md](methods.md)), the table of its folder in `configs` has the
  seeds and commits of reproduced ones.
* **Operations** are those of one picture of the size that the configuration
  tests at, in 10⁹ (a multiplication and an addition are two), with as many
  regions as it admits. **Parameters** are in millions and hold those that only
  training uses.
* **CPU s** is the CPU time of such a picture, with one thread{machine}, of
  the network as it is built. The tools prepare a network before they predict,
  which makes it up to twice as fast ([performance.md](performance.md)).
* **GiB** is what a training step of the recipe needs at its peak in single
  precision ({training_cost}).

No weights trained here are given out yet. Published weights of AlignPS,
deep-person-search, SeqNet and COAT load after a conversion
(`tools/model_converters`).

{tables}
## The best published figures

Figures of the field with their source, the best mAP on PRW first. They are
not comparable with each other or with ours without care: the last column says
why.

{field}

## On synthetic data

{benchmark}
"""


def rows_of(path: Path) -> list[dict]:
    """A JSON list of rows; none if there is no such file."""
    return json.loads(path.read_text()) if path.is_file() else []


def metafiles(root: Path) -> list[Path]:
    """The metafiles of all methods."""
    return sorted(root.glob('configs/*/metafile.yml'))


def training_gib(root: Path) -> dict[str, str]:
    """Name of a configuration -> GiB of a step, by the page of costs."""
    path = root / TRAINING_COST
    found: dict[str, str] = {}
    names: list[str] = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if 'recipe' in cells and 'GiB' in cells:
            names = cells
        elif names and len(cells) == len(names):
            row = dict(zip(names, cells))
            if re.fullmatch(r'[\d.]+', row['GiB']):
                found[Path(row['recipe']).stem] = row['GiB']
    return found


def zoo_table(
    models: list[dict], folder: str, costs: dict, reproduced: list, gib: dict
) -> str:
    """The configurations of one metafile, one line per published figure."""
    lines = []
    for model in models:
        name = model['Name']
        cost = costs.get(name, {})
        ours = [row for row in reproduced if row['config'] == name]
        for result in model['Results']:
            metrics = result['Metrics'] or {}
            lines.append(
                [
                    f'[{name}](../configs/{folder}/{name}.py)',
                    result['Dataset'].split(' (')[0],
                    pair(metrics.get('mAP'), metrics.get('top-1')),
                    result.get('Source', NOTHING),
                    f'{percent([r["mAP"] for r in ours])} / '
                    f'{percent([r["top1"] for r in ours])}'
                    if ours
                    else NOTHING,
                    scaled(cost.get('parameters'), 1e6, 1),
                    '{}x{}'.format(*cost['size']) if cost else NOTHING,
                    scaled(cost.get('flops'), 1e9, 0),
                    cost.get('cpu_seconds', NOTHING),
                    gib.get(name, NOTHING),
                ]
            )
    header = ['configuration', 'dataset', 'published', 'source', 'reproduced',
              'parameters', 'tested at', 'operations', 'CPU s',
              'GiB']  # fmt: skip
    return markdown_table(header, lines)


def pair(*figures: float | None) -> str:
    """Two figures, or nothing where there is none."""
    if all(figure is None for figure in figures):
        return NOTHING
    return ' / '.join(NOTHING if f is None else str(f) for f in figures)


def scaled(value: float | None, unit: float, digits: int) -> str:
    """A number in some unit."""
    return NOTHING if value is None else f'{value / unit:.{digits}f}'


def field_table(entries: list[dict]) -> str:
    """The best published figures of the field."""
    entries = sorted(entries, key=lambda e: -e['Figures']['PRW'][0])
    lines = [
        [
            entry['Method'],
            *(pair(*entry['Figures'].get(name, (None,))) for name in DATASETS),
            entry['Source'],
            entry['Differs'],
        ]
        for entry in entries
    ]
    return markdown_table(['method', *DATASETS, 'source', 'note'], lines)


def benchmark_text(rows: list[dict]) -> str:
    """What was trained here, in short."""
    if not rows:
        return (
            'Nothing yet: `python tools/analysis_tools/synthetic_benchmark.py`'
            ' trains every method on one budget.'
        )
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row['model'], []).append(row)
    lines = [
        [
            name,
            len(found),
            percent([row['mAP'] for row in found]),
            percent([row['top1'] for row in found]),
        ]
        for name, found in sorted(groups.items())
    ]
    return (
        'Thin models trained here on the PRW-like set, all on one budget '
        '([results/benchmark.md](results/benchmark.md)). They say nothing '
        'about real data.\n\n'
        + markdown_table(['model', 'seeds', 'mAP', 'top-1'], lines)
    )


def render(root: Path) -> dict[Path, str]:
    """The generated files and their text."""
    costs = {row['config']: row for row in rows_of(root / COSTS)}
    reproduced = rows_of(root / REPRODUCED)
    gib = training_gib(root)
    tables = []
    for path in metafiles(root):
        meta = yaml.safe_load(path.read_text())
        (collection,) = meta['Collections']
        paper = collection['Paper']
        table = zoo_table(
            meta['Models'], path.parent.name, costs, reproduced, gib
        )
        tables.append(
            f'## {collection["Name"]}\n\n[{paper["Title"]}]({paper["URL"]})\n'
            f'\n{table}\n'
        )
    machines = sorted({c['cpu'] for c in costs.values() if 'cpu' in c})
    page = TEXT.format(
        nothing=NOTHING,
        machine=f' of {", ".join(machines)}' if machines else '',
        training_cost='[cost.md](cost.md)'
        if gib
        else '`tools/analysis_tools/estimate_cost.py`',
        tables='\n'.join(tables),
        field=field_table(yaml.safe_load((root / PUBLISHED).read_text())),
        benchmark=benchmark_text(rows_of(root / BENCHMARK)),
    )
    index = 'Import:\n' + ''.join(
        f'  - {path.relative_to(root).as_posix()}\n'
        for path in metafiles(root)
    )
    return {root / PAGE: page, root / INDEX: index}
