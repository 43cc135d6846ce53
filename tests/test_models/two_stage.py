"""The smallest two-stage models and batches."""

from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

import mmdet_ps  # noqa: F401

MODEL_CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'models'


def model_config(name, **replaced):
    """The model of a file in ``_base_/models``, with PRW's identities."""
    config = Config.fromfile(MODEL_CONFIGS / f'{name}.py')
    if 'roi_head' in config.model:
        # The files of the datasets say how many; these models are of none.
        loss = config.model.roi_head.loss_reid
        loss.update(num_identities=483, queue_size=500)
    config.merge_from_dict({f'model.{k}': v for k, v in replaced.items()})
    return config.model


def build(config):
    """A model of a config, whatever scope other tests left behind."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        return MODELS.build(config)


def batch(*persons, size=(96, 128), scale=1.0, seed=0):
    """Images with persons of the given ids; boxes in original pixels."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    inputs, samples = [], []
    for ids in persons:
        meta = dict(
            img_shape=size,
            ori_shape=(round(height / scale), round(width / scale)),
            scale_factor=(scale, scale),
        )
        corner = torch.rand(len(ids), 2, generator=generator)
        corner = corner * torch.tensor([width - 28.0, height - 62])
        boxes = torch.cat([corner, corner + torch.tensor([26.0, 60])], 1)
        sample = DetDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(
            bboxes=boxes / scale,
            labels=torch.zeros(len(ids), dtype=torch.long),
            person_ids=torch.tensor(ids, dtype=torch.long),
        )
        image = torch.randint(0, 256, (3, *size), generator=generator)
        inputs.append(image.to(torch.uint8))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def losses_of(model, data):
    """Losses of a batch in training mode."""
    data = model.data_preprocessor(data, training=True)
    return model(**data, mode='loss')
