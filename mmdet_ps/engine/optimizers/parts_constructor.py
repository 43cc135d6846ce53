"""One optimizer per part of a model, parts told by the type of modules."""

import copy

from mmdet.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.model import is_model_wrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from mmdet_ps.utils.errors import UserError

from .joint_optim_wrapper import JointOptimWrapper


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PartsOptimWrapperConstructor:
    """Builds a ``JointOptimWrapper``.

    Args:
        optim_wrapper_cfg (dict): the wrapper's ``type`` and options, and
            ``parts``: name to ``optimizer``, ``modules`` (registered classes,
            such as ``'SeparatedReIDHead'``: the parameters inside a module of
            that type belong here; a part without modules takes the rest) and
            ``bias`` (options of biases that differ, e.g. ``weight_decay``).
        paramwise_cfg (dict, optional): not supported.

    Raises:
        UserError: parts that do not divide a model.
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
        for name, part in self.parts.items():
            if 'keys' in part:
                raise UserError(
                    f'optim_wrapper.parts.{name}.keys: parameters are no '
                    'longer told by their names; write modules=[...] with '
                    "the types of the modules, e.g. 'SeparatedReIDHead'"
                )
        rest = [n for n, part in self.parts.items() if 'modules' not in part]
        if len(rest) != 1:
            raise UserError(
                'exactly one of the parts '
                f'{list(self.parts)} must have no modules: it takes the rest'
            )
        self.rest = rest[0]

    def parts_of(self, model: nn.Module) -> dict[str, str]:
        """The part of each parameter of a model, by the parameter's name.

        Of several parts that ask for a module the first one has it.
        """
        found = {name: self.rest for name, _ in model.named_parameters()}
        for part, options in reversed(self.parts.items()):
            for kind in options.get('modules', ()):
                inside = [
                    f'{path}.{name}' if path else name
                    for path, module in model.named_modules()
                    if isinstance(module, _class_of(kind, part))
                    for name, _ in module.named_parameters()
                ]
                if not inside:
                    raise UserError(
                        f'optim_wrapper.parts.{part}.modules: the model has '
                        f'no {kind} with parameters; correct the name or '
                        'leave the part out'
                    )
                found.update(dict.fromkeys(inside, part))
        return found

    def __call__(self, model: nn.Module) -> JointOptimWrapper:
        """Optimizers for the parameters of a model that train."""
        model = model.module if is_model_wrapper(model) else model
        parts = self.parts_of(model)
        groups = {part: ([], []) for part in self.parts}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                is_bias = name.endswith('bias')
                groups[parts[name]][is_bias].append(parameter)
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


def _class_of(kind: str | type, part: str) -> type:
    """A registered class by its name."""
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        raise UserError(
            f'optim_wrapper.parts.{part}.modules: no type of module is '
            f'registered as {kind!r}; check the spelling'
        )
    return found
