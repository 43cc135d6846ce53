"""The smallest AlignPS and ROI-AlignPS, of the shipped base models."""

import logging
from contextlib import contextmanager

from mmengine.config import ConfigDict

from .two_stage import build, model_config

WIDTH = 32
IDENTITIES = 12
MEMORY = dict(num_identities=IDENTITIES, queue_size=8, embed_dims=WIDTH)
BACKBONE = dict(
    depth=18,
    base_channels=8,
    style='pytorch',
    frozen_stages=-1,
    init_cfg=None,
)
TINY = dict(
    backbone=BACKBONE,
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=WIDTH),
    bbox_head=dict(
        in_channels=WIDTH,
        feat_channels=WIDTH,
        stacked_convs=1,
        norm_cfg=dict(type='GN', num_groups=4, requires_grad=True),
        loss_reid=MEMORY,
    ),
)
PLAIN = dict(
    neck=dict(conv_cfg=None, lateral_conv_cfg=None),
    bbox_head=dict(dcn_on_last_conv=False),
)
ONE_LEVEL = dict(
    neck=dict(num_outs=1),
    bbox_head=dict(strides=[8], regress_ranges=((-1, 1e8),)),
)
ROI = dict(
    rpn_head=dict(in_channels=32, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=32, roi_layer=dict(output_size=4)
        ),
        shared_head=dict(
            depth=18,
            c4_blocks=2,
            base_channels=8,
            style='pytorch',
            init_cfg=None,
        ),
        bbox_head=dict(in_channels=64, c4_channels=32, embed_dims=WIDTH),
        loss_reid=MEMORY,
    ),
    loss_mutual_information=dict(embed_dims=WIDTH, hidden_dims=8),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=50),
        rcnn=dict(sampler=dict(num=16)),
    ),
)


def tiny_config(roi=False, plain=True, one_level=False, **changes):
    """Model config; ``changes`` are merged last (nested dicts)."""
    name = 'roi-alignps_r50' if roi else 'alignps_r50'
    config = ConfigDict(model_config(name))
    parts = [TINY, PLAIN if plain else {}, ONE_LEVEL if one_level else {}]
    for part in [*parts, ROI if roi else {}, changes]:
        merge(config, part)
    return config


def merge(config, changes):
    """Merge nested dicts in place."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            merge(config[key], value)
        else:
            config[key] = value


def tiny_model(**kwargs):
    """An initialised model that finds something everywhere."""
    model = build(tiny_config(**kwargs))
    with disable_logging():
        model.init_weights()
    return model


@contextmanager
def disable_logging():
    """mmengine lists every parameter it initialises."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


def find_everything(model):
    """Let every location pass the score threshold."""
    model.bbox_head.conv_cls.bias.data.fill_(2.0)
    model.bbox_head.conv_reg.bias.data.fill_(3.0)
    return model.eval()
