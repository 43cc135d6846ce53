"""One optimizer per part of a model, parts told by parameter names."""

import copy

from mmdet.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from mmdet_ps.utils.errors import UserError

from .joint_optim_wrapper import JointOptimWrapper


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PartsOptimWrapperConstructor:
    """Builds a ``JointOptimWrapper``.

    Args:
        optim_wrapper_cfg: the wrapper's ``type`` and options, and ``parts``:
            name to ``optimizer``, ``keys`` (a parameter whose name contains
            one of them belongs here; a part without keys takes the rest) and
            ``bias`` (options of biases that differ, e.g. ``weight_decay``).
        paramwise_cfg: not supported.
    """

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        if paramwise_cfg:
            raise UserError(
                'paramwise_cfg has no effect on an optimizer in parts: write '
                'the options into parts.NAME.optimizer or parts.NAME.bias'
            )
        self.cfg = copy.deepcopy(optim_wrapper_cfg)
        self.parts = self.cfg.pop('parts')
        self.clip_grad = self.cfg.pop('clip_grad', None)
        if sum('keys' not in part for part in self.parts.values()) != 1:
            raise UserError(
                'exactly one of the parts '
                f'{list(self.parts)} must have no keys: it takes the rest'
            )

    def part_of(self, name: str) -> str:
        """The part to which a parameter of this name belongs."""
        rest = ''
        for part, options in self.parts.items():
            if 'keys' not in options:
                rest = part
            elif any(key in name for key in options['keys']):
                return part
        return rest

    def __call__(self, model: nn.Module) -> JointOptimWrapper:
        """Optimizers for the parameters of a model that train."""
        model = getattr(model, 'module', model)
        groups = {part: ([], []) for part in self.parts}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                is_bias = name.endswith('bias')
                groups[self.part_of(name)][is_bias].append(parameter)
        wrappers = {}
        for part, (weights, biases) in groups.items():
            options = self.parts[part]
            params = [
                dict(params=weights),
                dict(params=biases, **options.get('bias', {})),
            ]
            optimizer = OPTIMIZERS.build(
                dict(
                    options['optimizer'],
                    params=[group for group in params if group['params']],
                )
            )
            cfg = dict(self.cfg)
            cfg.setdefault('type', 'OptimWrapper')
            wrappers[part] = OPTIM_WRAPPERS.build(
                cfg, default_args=dict(optimizer=optimizer)
            )
        return JointOptimWrapper(clip_grad=self.clip_grad, **wrappers)
