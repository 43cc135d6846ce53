"""Says which dataset is missing before a run starts, and what gets it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.config import Config

from .errors import UserError
from .hub import weights_file


def check_data(cfg: Config, stages: Sequence[str]) -> None:
    """Check that the annotation files of a configuration exist.

    Args:
        cfg: The configuration of a run.
        stages: Which of 'train', 'val' and 'test' will be run.

    Raises:
        UserError: Names each missing dataset folder or file and the
            command that helps.
    """
    problems = []
    for stage in stages:
        loader = cfg.get(f'{stage}_dataloader')
        for root, file in _annotation_files(loader and loader.dataset):
            problem = _problem(Path(root), file)
            if problem and problem not in problems:
                problems.append(problem)
    if problems:
        raise UserError(' '.join(problems))


def check_start(cfg: Config) -> None:
    """Check that the weights exist from which a configuration starts.

    Raises:
        UserError: Names the file and the command that writes it.
    """
    file = cfg.get('load_from')
    if file and '://' not in file and not weights_file(file).is_file():
        raise UserError(
            f'{file}: the weights to start from are missing. `sh '
            'tools/format_epoch_weights_for_pretraining.sh WORK_DIR` writes '
            'them after a pre-training; --load-from FILE takes others, '
            '--cfg-options load_from=None none'
        )


def _annotation_files(dataset: dict | None) -> Iterator[tuple[str, str]]:
    """Yield (data root, annotation file) of a dataset and those within it."""
    if not dataset:
        return
    if dataset.get('ann_file') and dataset.get('data_root'):
        yield dataset['data_root'], dataset['ann_file']
    inner = dataset.get('datasets') or [dataset.get('dataset')]
    for part in inner:
        yield from _annotation_files(part)


def _problem(root: Path, file: str) -> str | None:
    if not root.is_dir():
        return (
            f'dataset {root.name}: the folder {root} is missing. Put or '
            'link the dataset there, or point DATA_ROOT to the folder '
            f'that holds {root.name}; docs/datasets.md says where it '
            'comes from, and `python tools/make_synthetic.py '
            f'{root.parent} --size quick` renders a synthetic one.'
        )
    if not (root / file).is_file():
        return (
            f'dataset {root.name}: {root / file} is missing. '
            f'`python tools/prepare_data.py {root.name} {root}` '
            'makes it from the native files.'
        )
    return None
