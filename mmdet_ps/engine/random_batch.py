"""Random batches of the size that a training's recipe asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.structures.fields import SECOND_VIEW, UNLABELLED
from mmdet_ps.utils.errors import UserError

# Width of a person as a share of its height, and its height as a share of
# the picture's, at least and at most.
ASPECT = 0.4
HEIGHTS = (0.15, 0.5)


@dataclass(frozen=True)
class Pictures:
    """Some pictures of a batch, all of one size.

    Attributes:
        number: Number of pictures; two views of one count as two.
        width, height: Size of each in pixels.
        persons: Number of persons in each.
        branch: ``'det'`` or ``'reid'`` in pre-training, else None.
        views: Number of views of each picture: 1, or 2 for the two-view
            term.
        sources: Names of the sources that they come from in turn.
    """

    number: int
    width: int
    height: int
    persons: int
    branch: str | None = None
    views: int = 1
    sources: tuple[str, ...] = ('random',)


def pictures_of(
    cfg: Config,
    batch_size: int | None = None,
    size: tuple[int, int] | None = None,
    persons: int = 20,
) -> list[Pictures]:
    """The largest batch that a training may meet.

    Args:
        cfg: Its configuration.
        batch_size: Pictures per process, if not those of the configuration.
        size: Width and height of scenes in pixels, if not the largest ones
            that the configuration scales to.
        persons: Number of persons in each scene.

    Raises:
        UserError: The configuration does not say how large pictures are.
    """
    loader = cfg.train_dataloader
    number = batch_size or loader.batch_size
    datasets = loader.dataset.get('datasets')
    if not datasets:
        width, height = size or largest_scale(loader.dataset)
        return [Pictures(number, width, height, persons)]
    ratio = loader.sampler.source_ratio
    # Sources may take turns: then each list is one kind of batch.
    turns = ratio if isinstance(ratio[0], list | tuple) else [ratio]
    batches = [
        _of_several_sources(cfg, number, turn, size, persons) for turn in turns
    ]
    return max(
        batches,
        key=lambda batch: sum(p.number * p.width * p.height for p in batch),
    )


def _of_several_sources(
    cfg: Config,
    number: int,
    ratio: Sequence[float],
    size: tuple[int, int] | None,
    persons: int,
) -> list[Pictures]:
    """The pictures of a batch with the most scenes that shares let it have;
    crops fill it up. See :func:`pictures_of`."""
    groups: dict[tuple, list[float]] = {}
    for dataset, weight in zip(cfg.train_dataloader.dataset.datasets, ratio):
        share = number * weight / sum(ratio)
        groups.setdefault(form_of(dataset, size, persons), []).append(share)
    left, found = number, []
    names = (cfg.model.get('alignment') or {}).get('sources') or {}
    for form, shares in sorted(
        groups.items(), key=lambda item: -item[0][0] * item[0][1] * item[0][4]
    ):
        count = min(left, sum(math.ceil(share - 1e-9) for share in shares))
        left -= count
        width, height, persons, branch, views = form
        if count:
            found.append(
                Pictures(
                    count * views, width, height, persons, branch, views,
                    tuple(names.get(branch) or ('random',)),
                )
            )  # fmt: skip
    return found


def form_of(
    dataset: Mapping, size: tuple[int, int] | None, persons: int
) -> tuple[int, int, int, str, int]:
    """Width, height, persons, branch and views of a source's pictures.

    See :class:`Pictures` for their meaning.

    Args:
        dataset: Configuration of the source.
        size, persons: As of :func:`pictures_of`; a mosaic of crops has its
            own.
    """
    views = next(
        step for step in dataset['pipeline'] if step['type'] == 'BranchViews'
    )
    count = views.get('num_views', 1)
    if 'grid' not in dataset:
        width, height = size or largest_scale(dataset)
        return width, height, persons, views['branch'], count
    rows, columns = dataset['grid']
    height, width = dataset['tile_size']
    return (
        columns * width, rows * height, rows * columns, views['branch'], count
    )  # fmt: skip


def largest_scale(dataset: Mapping) -> tuple[int, int]:
    """Width and height of the largest pictures of a dataset's pipeline."""
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    found = last_sizes(dataset.get('pipeline', []))
    if not found:
        raise UserError(
            'no step of the training pipeline says how large pictures are: '
            'give the largest size by --image-size WIDTHxHEIGHT'
        )
    return max(found, key=math.prod)


def last_sizes(steps: Sequence[Mapping]) -> list[tuple[int, int]]:
    """Sizes that the last step to scale or to crop may leave."""
    for step in reversed(steps):
        if found := sizes_of(step):
            return found
    return []


def sizes_of(step: Mapping) -> list[tuple[int, int]]:
    """Sizes that a step of a pipeline, or one within it, may leave."""
    kind = str(step['type'])
    if 'Resize' in kind:
        scales = step.get('scales') or [step.get('scale')]
        return [tuple(scale) for scale in scales if scale]
    size = step.get('size') or step.get('crop_size')
    # (other crops take a share of the picture, which may be all of it)
    is_absolute = step.get('crop_type', 'absolute').startswith('absolute')
    if kind.endswith('Crop') and size and is_absolute:
        return [(size, size) if isinstance(size, int) else tuple(size)]
    inner = step.get('transforms', [])
    if kind != 'RandomChoice':
        return last_sizes(inner)
    choices = [c if isinstance(c, list | tuple) else [c] for c in inner]
    return [size for choice in choices for size in last_sizes(choice)]


def random_batch(
    pictures: Sequence[Pictures], num_identities: int, seed: int = 0
) -> dict:
    """A batch of noise with persons in it, as a loader gives it.

    Args:
        pictures: What it consists of.
        num_identities: Identities that the model can tell apart; every third
            person of a search picture is unlabelled.
        seed: Of the noise and of the places of the persons.
    """
    generator = torch.Generator().manual_seed(seed)
    # By branch and view, the image and its sample: the views of a picture
    # have one place in the batch, by which a model knows them as such.
    rows: list[dict[str | None, tuple[Tensor, DetDataSample]]] = []
    for group in pictures:
        names = [
            group.branch and group.branch + suffix
            for suffix in ('', SECOND_VIEW)[: group.views]
        ]
        for number in range(group.number // group.views):
            boxes, ids = random_persons(group, num_identities, generator)
            source = group.sources[number % len(group.sources)]
            rows.append(
                {
                    name: random_picture(group, boxes, ids, source)
                    for name in names
                }
            )
    parts = enumerate(('inputs', 'data_samples'))
    if pictures[0].branch is None:
        return {key: [row[None][i] for row in rows] for i, key in parts}
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {
        key: {
            name: [row[name][i] if name in row else None for row in rows]
            for name in names
        }
        for i, key in parts
    }


def random_persons(
    group: Pictures, num_identities: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Boxes (N, 4) xyxy in pixels and person ids (N,) of a picture."""
    low, high = HEIGHTS
    drawn = torch.rand(3, group.persons, generator=generator)
    heights = (low + (high - low) * drawn[0]) * group.height
    widths = (ASPECT * heights).clamp(max=group.width)
    left = drawn[1] * (group.width - widths)
    top = drawn[2] * (group.height - heights)
    boxes = torch.stack([left, top, left + widths, top + heights], dim=1)
    ids = torch.randint(
        max(num_identities, 1), (group.persons,), generator=generator
    )
    unlabelled = torch.arange(group.persons) % 3 == 2
    if group.branch == 'det':
        unlabelled |= True
    elif group.branch == 'reid':
        unlabelled &= False
    return boxes, ids.masked_fill(unlabelled, UNLABELLED)


def random_picture(
    group: Pictures, boxes: Tensor, ids: Tensor, source: str
) -> tuple[Tensor, DetDataSample]:
    """An image (3, H, W) uint8 of noise and its data sample."""
    shape = (group.height, group.width)
    image = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
    sample = DetDataSample(
        metainfo=dict(
            img_shape=shape,
            ori_shape=shape,
            scale_factor=(1.0, 1.0),
            img_path='noise',
            source=source,
        ),
        gt_instances=InstanceData(
            bboxes=boxes.clone(),
            labels=torch.zeros(len(boxes), dtype=torch.long),
            person_ids=ids.clone(),
            annotation_indices=torch.arange(len(boxes)),
        ),
    )
    return image, sample
