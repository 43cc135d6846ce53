"""Every method's thin model on a thin backbone of every family."""

from mmengine.config import ConfigDict

from .thin_methods import METHODS, thin_config

# Channels of the last two stages as of the thin ResNet: 64 and 128.
FAMILIES = dict(
    swin=dict(
        type='StagedSwin',
        embed_dims=16,
        depths=(1, 1, 2, 1),
        num_heads=(1, 2, 4, 8),
        drop_path_rate=0.0,
    ),
    pvt=dict(
        type='StagedPVT',
        embed_dims=16,
        num_layers=(1, 1, 1, 1),
        num_heads=(1, 2, 4, 8),
        mlp_ratios=(2, 2, 2, 2),
        drop_path_rate=0.0,
    ),
    convnext=dict(
        type='StagedConvNeXt',
        depths=(1, 1, 1, 1),
        dims=(16, 32, 64, 128),
        ls_init_value=0.1,
    ),
    vit=dict(
        type='StagedViT',
        architecture='vit_small_patch14_dinov2',
        options=dict(
            patch_size=16, img_size=64, embed_dim=64, depth=2, num_heads=4
        ),
        top_blocks=1,
    ),
)
# Half the stride, as the thin two-stage methods have it.
FINER = dict(
    swin=dict(patch_size=2),
    pvt=dict(strides=(2, 2, 2, 2)),
    convnext=dict(output_stride=8),
    vit=dict(options=dict(FAMILIES['vit']['options'], patch_size=8)),
)
PAIRS = [(method, family) for method in METHODS for family in FAMILIES]


def on_backbone(method, family):
    """The config of a method's thin model on another backbone."""
    model = thin_config(method).to_dict()
    options = dict(FAMILIES[family])
    whole = model['backbone']['type'] == 'ResNet'
    if not whole:
        options.update(FINER[family])
    if whole:
        # The maps at an eighth, a 16th and a 32nd of the image.
        model['backbone'] = dict(options, part='whole')
        channels = [32, 64, 128]
        if family == 'vit':  # the map at its cut comes behind its pyramid
            channels = [32, 64, 64]
        else:
            model['backbone']['out_indices'] = (1, 2, 3)
        model['neck'].update(in_channels=channels, start_level=0)
        if 'roi_head' in model:
            model['roi_stage'] = 1
            if family == 'vit':
                model['backbone']['cut_map'] = True
                model['roi_stage'] = 3
    else:
        model['backbone'] = dict(options, part='stem')
    replace_tops(model, dict(options, part='top'))
    if family == 'vit' and 'roi_head' in model:
        for name in ('bbox_head', 'first_head'):
            head = model['roi_head'].get(name, {})
            if head.get('in_channels') == 128:
                head['in_channels'] = 64
    return ConfigDict(model)


def replace_tops(config, top):
    """Put another top in place of each of the ResNet's."""
    for key, value in config.items():
        if not isinstance(value, dict):
            continue
        if value.get('type') == 'SplitResNetTop':
            config[key] = top
        else:
            replace_tops(value, top)
