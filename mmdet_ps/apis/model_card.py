"""The page that a published model is shown with on a hub."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..version import __version__

if TYPE_CHECKING:
    from mmengine.config import Config

REPOSITORY = 'mmdet_ps'
USE = """\
```python
from mmdet_ps.apis import detect, embed_boxes, init_model

model = init_model('hf://{name}')
query = embed_boxes(model, 'query.jpg', [[40, 30, 120, 260]])  # (1, D)
found = detect(model, 'scene.jpg')  # bboxes, scores, embeddings
similarities = found.embeddings @ query[0]
```"""


@dataclass
class Publication:
    """What is said of a model besides what its files say.

    Attributes:
        name: Name of the model, such as ``OWNER/NAME`` on the hub.
        license: Identifier of the licence of the weights, such as
            ``cc-by-nc-4.0``; empty if it is not stated.
        note: A sentence or more for the model card.
        scores: Rows of ``tools/test_results*.py --json``.
    """

    name: str
    license: str = ''
    note: str = ''
    scores: list[dict] = field(default_factory=list)


def model_card(
    cfg: Config, meta: dict, about: Publication, checkpoint: str
) -> str:
    """The model card, in Markdown with the header that the hub reads.

    Args:
        cfg: Configuration of the model.
        meta: What the checkpoint says of its training.
        about: What the publisher says.
        checkpoint: Name of the checkpoint's file.
    """
    header = ['---', f'library_name: {REPOSITORY}']
    if about.license:
        header.append(f'license: {about.license}')
    header += ['tags:', '- person-search', '- person-re-identification', '---']
    licence = (
        f'The licence of the weights is {about.license}.'
        if about.license
        else 'The licence of the weights is not stated; ask the publisher.'
    )
    parts = [
        '\n'.join(header),
        f'# {about.name}',
        'A model for person search: it finds one given person in pictures of '
        f'whole scenes. It runs with {REPOSITORY} (written by version '
        f'{__version__}).',
        about.note,
        '## Use',
        USE.format(name=about.name),
        'The configuration is read as plain values and the weights can hold '
        'no code, so that nothing of this folder is run. Every file is '
        'compared with the SHA-256 in `SHA256SUMS`.',
        '## Scores',
        score_table(about.scores),
        '## Training',
        training_table(cfg, meta, checkpoint),
        '## Limits',
        'Scores hold for the named dataset and protocol. On other cameras a '
        'model finds fewer persons and mistakes more of them for others; '
        'measure on footage of your own before you rely on it. Searching for '
        'persons may need their consent or another ground in law.',
        '## Licence',
        licence,
    ]
    return '\n\n'.join(part for part in parts if part) + '\n'


def score_table(rows: list[dict]) -> str:
    """Scores in per cent, and which evaluator computed them, in Markdown.

    Args:
        rows: As of ``Publication.scores``, in [0, 1].
    """
    if not rows:
        return 'None were given.'
    lines = [
        '| file | branch | protocol | gallery | queries | mAP | top-1 '
        '| evaluator |',
        '| :-- | :-- | :-- | --: | --: | --: | --: | :-- |',
    ]
    for row in rows:
        cells = [
            row.get('file', ''),
            row['branch'],
            row['protocol'],
            row.get('gallery_size') or 'all',
            row.get('num_queries', ''),
            f'{100 * row["mAP"]:.2f}',
            f'{100 * row["top1"]:.2f}',
            row['evaluator'],
        ]
        lines.append(f'| {" | ".join(map(str, cells))} |')
    return '\n'.join(lines)


def training_table(cfg: Config, meta: dict, checkpoint: str) -> str:
    """What is known of the training, in Markdown; as :func:`model_card`."""
    config = meta.get('experiment_name') or cfg.filename or 'config.py'
    rows = {
        'detector': cfg.model.type,
        'run': str(config).rsplit('/', 1)[-1],
        'checkpoint': checkpoint,
        'data': cfg.get('data_root') or 'see config.py',
        **{
            key: meta[key]
            for key in ('epoch', 'iter', 'seed', 'time')
            if isinstance(meta.get(key), str | int | float)
        },
    }
    lines = ['| | |', '| :-- | :-- |']
    lines += [f'| {key} | `{value}` |' for key, value in rows.items()]
    return '\n'.join(lines)
