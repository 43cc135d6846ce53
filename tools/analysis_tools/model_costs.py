"""What a model needs to search a picture: parameters, operations, seconds."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmdet_ps.engine.live_memory import LiveMemory
from mmdet_ps.engine.training_cost import (
    DEFORMABLE_FLOPS,
    STAND_IN_FROM,
    kernels_of_gpus,
)

NUM_TIMED = 3


@dataclass(frozen=True)
class PictureCost:
    """Of one picture in testing.

    Attributes:
        width, height: Of the largest picture that its pipeline makes, pixels.
        parameters: Of the model, those that only training uses included.
        flops: Operations, two for a multiplication and an addition, with as
            many regions and detections as the configuration admits.
    """

    width: int
    height: int
    parameters: int
    flops: int


def test_size(cfg: Config) -> tuple[int, int]:
    """Width and height of the largest picture that a test makes."""
    resize = next(
        step
        for step in cfg.test_dataloader.dataset.pipeline
        if step['type'] == 'Resize'
    )
    return tuple(resize['scale'])


def picture_cost(
    cfg: Config, stand_in_from: int | None = STAND_IN_FROM
) -> PictureCost:
    """What one picture of noise needs.

    Args:
        cfg: A configuration.
        stand_in_from: See ``LiveMemory``; None computes everything.
    """
    width, height = test_size(cfg)
    model = model_for_test(cfg)
    data = picture(width, height)
    data = model.data_preprocessor(data, False)
    counter = FlopCounterMode(display=False, custom_mapping=DEFORMABLE_FLOPS)
    with (
        torch.no_grad(),
        kernels_of_gpus(stand_in_from is None),
        LiveMemory(stand_in_from),
        counter,
    ):
        model(**data, mode='predict')
    return PictureCost(
        width,
        height,
        sum(p.numel() for p in model.parameters()),
        counter.get_total_flops(),
    )


def picture_seconds(cfg: Config) -> float:
    """CPU seconds of a picture with all regions, the least of some."""
    # Threads that wait for each other would be counted, too.
    torch.set_num_threads(1)
    model = model_for_test(cfg)
    seconds = []
    for _ in range(NUM_TIMED):
        data = picture(*test_size(cfg))
        start = time.process_time()
        with torch.no_grad():
            model.test_step(data)
        seconds.append(time.process_time() - start)
    return min(seconds)


def model_for_test(cfg: Config) -> nn.Module:
    """A model with random weights, whose thresholds leave out nothing.

    How many regions random weights find differs from model to model.
    """
    config = copy.deepcopy(cfg.model)
    for part in (config.get('test_cfg'), config.get('train_cfg')):
        admit(part or {})
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(config).eval()


def admit(config: dict) -> None:
    """Take the thresholds out of a configuration, in place."""
    for key, value in config.items():
        if key == 'score_thr':
            config[key] = -1.0
        elif key == 'min_bbox_size':
            config[key] = -1
        elif key == 'iou_threshold':
            config[key] = 1.0
        elif isinstance(value, dict):
            admit(value)


def picture(width: int, height: int) -> dict:
    """A batch of one picture of noise, without persons."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, height, width), generator=generator)
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(height, width),
            ori_shape=(height, width),
            scale_factor=(1.0, 1.0),
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.zeros(0, 4),
        labels=torch.zeros(0, dtype=torch.long),
        person_ids=torch.zeros(0, dtype=torch.long),
    )
    return dict(inputs=[image.to(torch.uint8)], data_samples=[sample])
