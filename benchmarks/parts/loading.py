"""From files to batches."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from .case import Case, Setting
from .pictures import CONFIGS

HEIGHT, WIDTH = 1080, 1920
FOLDER = tempfile.TemporaryDirectory(prefix='benchmark_')


def write_picture() -> str:
    """A JPEG file of the size of a video frame."""
    path = Path(FOLDER.name) / 'picture.jpg'
    if not path.exists():
        coarse = np.random.default_rng(0).integers(0, 255, (108, 192, 3))
        image = cv2.resize(
            coarse.astype(np.uint8),
            (WIDTH, HEIGHT),
            interpolation=cv2.INTER_CUBIC,
        )
        cv2.imwrite(str(path), image)
    return str(path)


def dataset_of(count: int):
    """The training set of a configuration, of one picture ``count`` times."""
    picture = Path(write_picture()).name
    persons = [
        dict(bbox=[90 * k, 50, 90 * k + 80, 300], instance_id=k)
        for k in range(6)
    ]
    pictures = [
        dict(img_path=picture, height=HEIGHT, width=WIDTH, instances=persons)
    ] * count
    file = Path(FOLDER.name) / f'{count}.json'
    file.write_text(
        json.dumps(dict(metainfo=dict(num_identities=6), data_list=pictures))
    )
    cfg = Config.fromfile(CONFIGS / '_base_/datasets/prw.py')
    cfg = cfg.train_dataloader.dataset
    cfg.update(data_root=FOLDER.name, ann_file=file.name)
    with DefaultScope.overwrite_default_scope('mmdet'):
        return DATASETS.build(cfg)


def steps_of(*steps: dict):
    """A pipeline of transforms, applied to the picture."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        pipeline = Compose(list(steps))
    data = dict(img_path=write_picture(), height=HEIGHT, width=WIDTH)
    return lambda: pipeline(dict(data)) and None


def make_pipeline(setting: Setting) -> Case:
    dataset = dataset_of(8)
    return Case(lambda: [dataset[k] for k in range(8)] and None)


def make_annotations(count: int, setting: Setting) -> Case:
    count = count // 10 if setting.quick else count
    return Case(lambda: dataset_of(count).full_init())


def make_reduced(scale: tuple[int, int], setting: Setting) -> Case:
    options = dict(scale=scale, keep_ratio=True)
    return Case(
        steps_of(dict(type='DecodingResize', **options)),
        steps_of(
            dict(type='LoadImageFromFile'), dict(type='Resize', **options)
        ),
        'decoded whole',
    )


def make_loader(workers: int, setting: Setting) -> Case:
    loader = DataLoader(
        dataset_of(32),
        batch_size=4,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=pseudo_collate,
    )
    return Case(lambda: sum(1 for _ in loader) and None, by_the_wall=True)


CASES = {
    '8 training pictures of 1920x1080': make_pipeline,
    'one picture to 960x540': partial(make_reduced, (960, 540)),
    'one picture to 480x270': partial(make_reduced, (480, 270)),
    'annotations of 20,000 pictures': partial(make_annotations, 20_000),
    '32 pictures, 2 processes': partial(make_loader, 2),
}
