"""ConvNeXt, of timm."""

from __future__ import annotations

from mmdet.registry import MODELS
from torch import Tensor, nn

from mmdet_ps.utils.checkpoint import StateDict
from mmdet_ps.utils.key_rules import Rule, rename_keys
from mmdet_ps.utils.optional_packages import optional

from .staged_backbone import EMBEDDING, NUM_STAGES, StagedBackbone

# The block's layers by their place in torchvision's and their name in the
# authors' code.
BLOCK_LAYERS = {
    'conv_dw': ('0', 'dwconv'),
    'norm': ('2', 'norm'),
    'mlp.fc1': ('3', 'pwconv1'),
    'mlp.fc2': ('5', 'pwconv2'),
}
TORCHVISION: list[Rule] = [
    (r'features\.0\.0\.(\w+)', r'stem.0.\1'),
    (r'features\.0\.1\.(\w+)', r'stem.1.\1'),
    *[
        (rf'features\.{2 * i}\.([01])\.(\w+)', rf'stages.{i}.downsample.\1.\2')
        for i in range(1, NUM_STAGES)
    ],
    *[
        (
            rf'features\.{2 * i + 1}\.(\d+)\.block\.{place}\.(\w+)',
            rf'stages.{i}.blocks.\1.{name}.\2',
        )
        for i in range(NUM_STAGES)
        for name, (place, _) in BLOCK_LAYERS.items()
    ],
    *[
        (
            rf'features\.{2 * i + 1}\.(\d+)\.layer_scale',
            rf'stages.{i}.blocks.\1.gamma',
        )
        for i in range(NUM_STAGES)
    ],
    (r'classifier\..*', None),
]
AUTHORS: list[Rule] = [
    (r'downsample_layers\.0\.([01])\.(\w+)', r'stem.\1.\2'),
    (
        r'downsample_layers\.(\d)\.([01])\.(\w+)',
        r'stages.\1.downsample.\2.\3',
    ),
    *[
        (
            rf'stages\.(\d)\.(\d+)\.{theirs}\.(\w+)',
            rf'stages.\1.blocks.\2.{name}.\3',
        )
        for name, (_, theirs) in BLOCK_LAYERS.items()
    ],
    (r'stages\.(\d)\.(\d+)\.gamma', r'stages.\1.blocks.\2.gamma'),
    (r'(norm[0-3]\.\w+)', r'\1'),  # of their detectors
    (r'(norm|head)\..*', None),
]


@MODELS.register_module()
class StagedConvNeXt(StagedBackbone):
    """ConvNeXt (Liu et al., "A ConvNet for the 2020s", CVPR 2022).

    The layers are timm's and keep their names; the weights of timm, of
    torchvision (``torchvision://convnext_tiny.imagenet1k_v1``) and of the
    authors load.
    SeqNeXt (Jaffe and Zakhor, WACV 2023) cuts it at the same place and
    normalises nothing in between, which is the default here.

    Args:
        depths (tuple[int, ...]): blocks of each stage.
        dims (tuple[int, ...]): channels of each stage.
        drop_path_rate (float): of the last block; less in those before.
        ls_init_value (float): start of each block's layer scale.
        output_stride (int): of the last stage, 32; 16 or 8 dilate the last
            stages in place of striding, for small persons.
        norm_out (bool): see :class:`StagedBackbone`; the authors' detectors
            have these norms.
        **kwargs: further options of :class:`StagedBackbone`.

    Raises:
        UserError: timm is not installed.
    """

    def __init__(
        self,
        depths: tuple[int, ...] = (3, 3, 9, 3),
        dims: tuple[int, ...] = (96, 192, 384, 768),
        drop_path_rate: float = 0.0,
        ls_init_value: float = 1e-6,
        output_stride: int = 32,
        norm_out: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(
            channels=tuple(dims), norm_out=norm_out, norm_eps=1e-6, **kwargs
        )
        model = optional('timm.models.convnext').ConvNeXt(
            depths=tuple(depths),
            dims=tuple(dims),
            drop_path_rate=drop_path_rate,
            ls_init_value=ls_init_value,
            output_stride=output_stride,
            num_classes=0,
        )
        if self.part != 'top':
            self.stem = model.stem
        # Placeholders, so that the stages have their numbers in both parts.
        self.stages = nn.ModuleList(
            model.stages[i] if i in self.stages_here else nn.Identity()
            for i in range(self.stages_here[-1] + 1)
        )
        self.train()  # freezes

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to (B, C, H / 4, W / 4)."""
        return self.stem(images)

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        """The map before a stage, (B, C, H, W), to that after it."""
        return self.stages[stage](x)

    def layers_of(self, stage: int) -> list[nn.Module]:
        """Layers of a stage that this part has."""
        if stage == EMBEDDING:
            return [self.stem] if self.part != 'top' else []
        return [self.stages[stage]] if stage in self.stages_here else []

    def init_random(self) -> None:
        """Nothing: timm's layers come with their random start."""

    def in_own_layout(self, weights: StateDict) -> StateDict:
        """Weights of timm, torchvision or the authors under timm's names."""
        for mark, rules in (
            ('features.', TORCHVISION),
            ('downsample_layers.', AUTHORS),
        ):
            if any(key.startswith(mark) for key in weights):
                weights, _ = rename_keys(weights, rules)
        return {
            key: value.flatten() if key.endswith('.gamma') else value
            for key, value in weights.items()
        }
