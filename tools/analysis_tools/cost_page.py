"""The page that says what a step of each recipe costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mmdet_ps.engine.fitting import Setting, fits
from mmdet_ps.engine.random_batch import Pictures
from mmdet_ps.engine.training_cost import GIB, Cost
from mmdet_ps.utils.configuration import read_config

# Precision, and whether the backbone is checkpointed.
COLUMNS = (('fp32', False), ('fp16', False), ('fp16', True))
CARDS = (11, 24, 80)  # GiB
ROOT = Path(__file__).parents[2]
MEASURED = ROOT / 'docs' / 'results' / 'gpu_memory.json'
# Folders of configurations that are no recipes for published data.
OTHERS = ('_base_', 'synthetic')


PAGE = """\
# What a training step costs

Memory and operations of one training step, estimated on a CPU. Read it to see
which recipe fits which GPU. It is written by

```
python tools/analysis_tools/estimate_cost.py --all --out docs/cost.md
```

and for one configuration, with what to change to fit a GPU of 11 GiB, by

```
python tools/analysis_tools/estimate_cost.py CONFIG --gpu-memory 11
```

The figures are for the largest pictures that a recipe scales to, as large as
its scale allows, with {persons} persons in each. They hold parameters,
gradients, the optimizer's state, identity memories and everything that the
step keeps or needs for a moment. Not in them: CUDA itself and the work space
of its kernels (a card is said to be large enough when it has 5 % and 0.75 GiB
more), and, with several GPUs, another copy of the gradients. Pictures of
mixed orientation in a batch are padded to a larger one: give its size by
`--image-size`. `--amp` is mixed precision in fp16 or bf16; checkpointing is
`model.backbone.with_cp=True` ([training.md](training.md#options)). An
operation is a multiplication or an addition, of the forward and the backward
pass together. On small pictures the estimates lie within 15 % of what is
counted in a step that is really computed (`tests/test_engine`). Every person
has as many RoIs as re-identification trains on, four with BSL, as with a
trained network. The last column is what PyTorch says it allocated
(`--measure`); for BSL that was measured with a network at random, which
proposes fewer. Cells of what was not
computed or measured are empty. `--missing` computes the rows of new recipes
alone.

| recipe | pictures in a step | million parameters | TFLOP | GiB | `--amp` | \
`--amp`, checkpointing | GPU of (GiB) | measured GiB |
|---|---|---|---|---|---|---|---|---|
{rows}
"""


def rows_of(page: Path) -> dict[str, str]:
    """The rows of a page that was written before, by recipe."""
    if not page.exists():
        return {}
    lines = page.read_text().splitlines()
    rows = [line for line in lines if line.startswith('| configs/')]
    return {row.split(' | ')[0][2:]: row for row in rows}


def cost_page(rows: dict[str, str], **options) -> str:
    """The page with the costs of all recipes.

    Args:
        rows: Those that are known, by recipe.
        options: Of ``pictures_of``.
    """
    known: dict[str, tuple[Cost, ...]] = {}
    lines = []
    measured = json.loads(MEASURED.read_text()) if MEASURED.exists() else []
    for path in recipes():
        if path in rows:
            cells = rows[path].split(' | ')[:-1]
            seen = seen_on(path, cells[1], measured)
            lines.append(' | '.join([*cells, seen]) + ' |')
            continue
        cfg = read_config(ROOT / path)
        number = cfg.train_dataloader.batch_size
        pictures = Setting(cfg, 'fp32', number, False).pictures(**options)
        # Recipes that differ in what they start from cost the same.
        key = f'{cfg.model}{cfg.optim_wrapper}{pictures}'
        if key not in known:
            known[key] = tuple(
                Setting(cfg, precision, number, checkpointing).cost(**options)
                for precision, checkpointing in COLUMNS
            )
        lines.append(row(path, pictures, known[key], measured))
        print(lines[-1], flush=True)
    return PAGE.format(rows='\n'.join(lines), persons=options['persons'])


def recipes() -> list[str]:
    """Every recipe for published data, by its path in the repository."""
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / 'configs').glob('*/*.py'))
        if path.parent.name not in OTHERS
    ]


def row(
    path: str,
    pictures: list[Pictures],
    costs: tuple[Cost, ...],
    measured: list[dict],
) -> str:
    """A line of the table."""
    plain = costs[0]
    batch = batch_text([(p.number, p.width, p.height) for p in pictures])
    cells = [f'{path}', batch, f'{plain.parameters / 4e6:.1f}']
    cells += [f'{plain.flops / 1e12:.1f}']
    cells += [f'{cost.peak / GIB:.1f}' for cost in costs]
    card = next((c for c in CARDS if fits(plain, c)), f'over {CARDS[-1]}')
    cells += [str(card), seen_on(path, batch, measured)]
    return '| ' + ' | '.join(cells) + ' |'


def batch_text(pictures: Sequence[Sequence[int]]) -> str:
    """Numbers, widths and heights of pictures, as a cell."""
    return ' + '.join(f'{n} of {w}x{h}' for n, w, h in pictures)


def seen_on(path: str, batch: str, measured: list[dict]) -> str:
    """What GPUs took for a recipe in single precision, as a cell.

    Measurements of other batches, from before a change of the recipe, do not
    count.
    """
    return ', '.join(
        f'{entry["measured_gib"]:.1f} ({entry["device"]})'
        for entry in measured
        if (entry['config'], entry['precision']) == (path, 'fp32')
        and batch_text(entry['pictures']) == batch
    )
