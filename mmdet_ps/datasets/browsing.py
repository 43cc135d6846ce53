"""Annotated images of a dataset, to be looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from tqdm import tqdm

from mmdet_ps.structures.annotated_image import AnnotatedImage
from mmdet_ps.utils.building import explained
from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError

from .annotation_file import load_crops
from .samplers.identity_sampler import identity_groups

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadPersonAnnotations')]


def file_items(
    source: Path, split: str, data_root: Path | None, count: int, seed: int
) -> list[AnnotatedImage]:
    """Load images of a dataset with their annotations.

    Args:
        source (Path): An annotation file, or the folder of a dataset with
            ``prepared/<split>.json`` in it.
        split (str): Split to show, such as ``train``, for a folder.
        data_root (Path): What the names of images are relative to; by
            default the folder that ``source`` is or lies in.
        count (int): Greatest number of images.
        seed (int): Chooses them, see :func:`choose`.
    """
    dataset = _open(source, split, data_root)
    chosen = choose(len(dataset), count, seed)
    return [_from_arrays(dataset[k]) for k in tqdm(chosen, delay=2)]


def identity_rows(
    source: Path, split: str, data_root: Path | None, count: int, seed: int
) -> list[tuple[int, list[AnnotatedImage]]]:
    """Load identities of a dataset with the images that show them.

    Args:
        source, split, data_root: As of :func:`file_items`.
        count (int): Greatest number of identities.
        seed (int): Chooses them, see :func:`choose`.

    Returns:
        list[tuple[int, list[AnnotatedImage]]]: Each identity, and up to ten
        images that show it; in these its box is the first.

    Raises:
        UserError: The dataset has no labelled person.
    """
    dataset = _open(source, split, data_root)
    images, person_ids = [], []
    for k in range(len(dataset)):
        for instance in dataset.get_data_info(k)['instances']:
            images.append(k)
            person_ids.append(instance.get('instance_id', -1))
    groups = identity_groups(np.array(person_ids, np.int64))
    if not groups:
        raise UserError(f'{source}: no labelled person to show')
    rows = []
    for n in tqdm(choose(len(groups), count, seed), delay=2):
        person_id = person_ids[groups[n][0]]
        shown = sorted({images[k] for k in groups[n]})[:10]
        rows.append(
            (person_id, [_of_person(dataset, k, person_id) for k in shown])
        )
    return rows


def config_items(
    config: Path, split: str, count: int, seed: int
) -> list[AnnotatedImage]:
    """Load images as they leave the pipeline of a config's dataloader.

    Args:
        config (Path): The configuration.
        split (str): Which dataloader: ``train``, ``val`` or ``test``.
        count (int): Greatest number of samples; one of several branches
            gives an image for each.
        seed (int): Chooses them, see :func:`choose`; also of the random
            transforms.

    Raises:
        UserError: The configuration has no such dataloader.
    """
    cfg = read_config(config)
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise UserError(
            f'{config}: no {split}_dataloader: name another split or config'
        )
    np.random.seed(max(seed, 0))
    with explained(config):
        dataset = _build(loader.dataset)
    packed = [
        dataset[k] for k in tqdm(choose(len(dataset), count, seed), delay=2)
    ]
    return [item for one in packed for item in _from_packed(one)]


def choose(size: int, count: int, seed: int) -> list[int]:
    """Choose ``count`` of ``size`` indices, in ascending order.

    They are random ones, or the first ones where ``seed`` is negative.
    """
    count = min(size, count)
    if seed < 0:
        return list(range(count))
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(size, count, replace=False).tolist())


def _open(source: Path, split: str, data_root: Path | None):
    ann_file = Path(source)
    if ann_file.is_dir():
        data_root = data_root or ann_file
        ann_file = ann_file / 'prepared' / f'{split}.json'
    if data_root is None:
        parent = ann_file.parent
        data_root = parent.parent if parent.name == 'prepared' else parent
    options = dict(
        type='PersonSearchDataset',
        ann_file=str(ann_file.resolve()),
        data_root=str(data_root),
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=LOAD,
    )
    crops = load_crops(options['ann_file'])
    if crops is not None:
        options['type'] = 'ReIDCropDataset'
        if crops[0].get('storage') == 'lmdb':
            store = dict(backend='lmdb', db_path=str(data_root / 'lmdb'))
            load = dict(type='LoadImageFromFile', backend_args=store)
            options['pipeline'] = [load, LOAD[1]]
    return _build(options)


def _build(options: dict):
    """A dataset whose pipeline finds MMDetection's parts and ours."""
    init_default_scope('mmdet')
    return DATASETS.build(options)


def _from_arrays(results: dict) -> AnnotatedImage:
    """Of a pipeline that ends before packing."""
    return AnnotatedImage(
        np.ascontiguousarray(results['img'][..., ::-1]),
        results['gt_bboxes'].tensor.numpy(),
        results['gt_instances_ids'],
        results['gt_ignore_flags'],
        Path(results['img_path']).name,
    )


def _of_person(dataset, index: int, person_id: int) -> AnnotatedImage:
    item = _from_arrays(dataset[index])
    order = np.argsort(item.person_ids != person_id, kind='stable')
    item.bboxes, item.person_ids = item.bboxes[order], item.person_ids[order]
    item.ignored = item.ignored[order]
    return item


def _from_packed(packed: dict) -> list[AnnotatedImage]:
    """Of a packed sample, or of each branch that a sample has."""
    inputs, samples = packed['inputs'], packed['data_samples']
    if not isinstance(inputs, dict):
        inputs, samples = {'': inputs}, {'': samples}
    items = []
    for branch, image in inputs.items():
        if image is None:
            continue
        sample = samples[branch]
        both = InstanceData.cat(
            [sample.gt_instances, sample.ignored_instances]
        )
        kept = len(sample.gt_instances)
        words = [branch, sample.get('source', ''), str(sample.img_id)]
        items.append(
            AnnotatedImage(
                image.numpy().transpose(1, 2, 0)[..., ::-1].copy(),
                both.bboxes.numpy(),
                both.person_ids.numpy(),
                np.arange(len(both)) >= kept,
                ' '.join(filter(None, words)),
            )
        )
    return items
