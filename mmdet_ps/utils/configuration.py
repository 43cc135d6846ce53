"""Reads configurations, and checks what the command line changes of them.

A key that is misspelt would be put beside the right one, and nobody would
read it; a value of a wrong type fails far from where it was written.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike

from mmengine.config import Config, DictAction

from ..resources import find_config
from .errors import UserError

OPTION = '--cfg-options'
UNSTATED = inspect.Parameter.empty
# What mmengine reads of a configuration besides the arguments of a Runner.
READ_APART = (
    *('activation_checkpointing', 'auto_scale_lr', 'compile'),
    *('custom_imports', 'efficient_conv_bn_eval', 'find_unused_parameters'),
    *('model_wrapper_cfg', 'sync_bn'),
)
# ... and of parts of it besides what builds them.
READ_BESIDE = {
    'optim_wrapper': ('constructor', 'optimizer', 'paramwise_cfg', 'parts'),
    'train_cfg': ('by_epoch',),
    # Of every detector: models/detectors/search_answers.py.
    'model.test_cfg': (
        *('embed_gt_boxes', 'gt_boxes_as_detections'),
        'confidence_weighted',
    ),
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    **{
        f'{stage}_dataloader': ('dataset', 'num_batch_per_epoch')
        for stage in ('train', 'val', 'test')
    },
}
KINDS = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    list: 'a list',
    tuple: 'a list',
    dict: 'a group of settings',
}
Parameters = dict[str, object]  # name -> annotation


def read_config(path: str | PathLike) -> Config:
    """Read a configuration.

    Args:
        path: Its file, or its name, see ``resources.find_config``.

    Raises:
        UserError: It does not exist, or is no configuration.
    """
    path = find_config(path)
    try:
        return Config.fromfile(path)
    except Exception as error:  # it is a program of the user's
        raise UserError(
            f'{path}: cannot be read as a configuration '
            f'({type(error).__name__}: {error})'
        ) from error


class OptionsAction(DictAction):
    """Reads ``KEY=VALUE`` words, and says which word is none."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str],
        option_string: str | None = None,
    ) -> None:
        """Add the words to the dict of options."""
        for word in values:
            key, equals, value = word.partition('=')
            if not equals or not key:
                raise UserError(f'{OPTION} {word}: write it as key=value')
            brackets = [value.count(bracket) for bracket in '()[]']
            if brackets[0] != brackets[1] or brackets[2] != brackets[3]:
                raise UserError(
                    f'{OPTION} {word}: a bracket is not closed; write lists '
                    'as key="[a,b]"'
                )
        super().__call__(parser, namespace, values, option_string)


def apply_options(cfg: Config, options: Mapping[str, object]) -> None:
    """Change a configuration as the command line says.

    Args:
        cfg: Is changed.
        options: Value by key; the parts of a key are joined by dots.

    Raises:
        UserError: A key that nothing reads, or a value of a wrong type.
    """
    for key, value in options.items():
        check_option(cfg, key, value)
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f'{OPTION} {key}={value}: cannot be put into the '
                f'configuration ({error})'
            ) from error


def check_option(cfg: Config, key: str, value: object) -> None:
    """Refuse a key that nothing reads, or a value that does not fit."""
    place: object = cfg._cfg_dict
    *groups, last = key.split('.')
    for depth, part in enumerate(groups):
        path = '.'.join(groups[:depth])
        known = children(place)
        if part not in known:
            _require_read(cfg, key, value, place, path, part)
            return  # a group that the configuration leaves to its defaults
        place = known[part]
    path = '.'.join(groups)
    known = children(place)
    hint = _require_read(cfg, key, value, place, path, last)
    check_type(key, value, known.get(last), hint)


def children(place: object) -> dict[str, object]:
    """What a key's next part may name: entries by name or by number."""
    if isinstance(place, Mapping):
        return dict(place)
    if isinstance(place, list | tuple):
        return {str(number): part for number, part in enumerate(place)}
    return {}


def _require_read(
    cfg: Config, key: str, value: object, place: object, path: str, part: str
) -> object:
    """Refuse a part of a key that nothing reads; else its annotation."""
    known = children(place)
    readable = readable_keys(place, path)
    if part in readable:
        return readable[part]
    if part in known and path:
        return UNSTATED
    said = f'{OPTION} {key}={value}'
    if part in known:
        raise UserError(f'{said}: {_without_effect(cfg, part)}')
    if place is None:
        return UNSTATED
    if not isinstance(place, Mapping | list | tuple):
        raise UserError(
            f'{said}: {path} is {place!r}, which has no {part} within'
        )
    names = [*known, *readable]
    near = difflib.get_close_matches(part, names, n=1)
    start = f'{path}.' if path else ''
    if near:
        advice = f'did you mean {start}{near[0]}?'
    else:
        shown = ', '.join(dict.fromkeys(names)) or 'nothing'
        advice = f'there are {shown}'
    raise UserError(
        f'{said}: {path or "the configuration"} has no {part}; {advice}'
    )


def _without_effect(cfg: Config, name: str) -> str:
    """What to say of a variable that only its file has read."""
    text = f'{name} is a variable of the configuration file and has no effect'
    read = readable_keys(cfg._cfg_dict, '')
    places = [
        path
        for path in paths_of(cfg._cfg_dict)
        if path.endswith(f'.{name}') and path.split('.')[0] in read
    ]
    if places:
        return f'{text} here; set {" and ".join(places[:4])}'
    return f'{text} here; set the entries that it was used for'


def paths_of(place: object, path: str = '') -> Iterator[str]:
    """The key of every entry of a configuration."""
    for name, part in children(place).items():
        yield f'{path}{name}'
        yield from paths_of(part, f'{path}{name}.')


def readable_keys(place: object, path: str) -> Parameters:
    """What reads a group of settings may read of it, with annotations."""
    if not path:
        from mmengine.runner import Runner

        return {
            **parameters_of(Runner),
            **dict.fromkeys(READ_APART, UNSTATED),
        }
    if not isinstance(place, Mapping):
        return {}
    kinds = [place['type']] if 'type' in place else readers_of(path)
    found = dict.fromkeys(READ_BESIDE.get(path, ()), UNSTATED)
    if kinds:
        found['type'] = UNSTATED
    for kind in kinds:
        kind = registered(kind) if isinstance(kind, str) else kind
        if kind is not None:
            found.update(parameters_of(kind))
    return found


def readers_of(path: str) -> Sequence[Callable | str]:
    """What reads a part of a configuration that may go without a type."""
    # Here, so that reading a configuration stays quick.
    from mmengine.runner import Runner
    from torch.utils.data import DataLoader

    if path.endswith('_dataloader'):
        return [DataLoader]
    return {
        'train_cfg': ['EpochBasedTrainLoop', 'IterBasedTrainLoop'],
        'val_cfg': ['ValLoop'],
        'test_cfg': ['TestLoop'],
        'optim_wrapper': ['OptimWrapper', 'MixedPrecisionOptimWrapper'],
        'randomness': [Runner.set_randomness],
        'env_cfg': [Runner.setup_env],
        'model.two_views': ['TwoViewTerm'],
    }.get(path, [])


def registered(name: str) -> Callable | None:
    """The class of this name in any registry of MMDetection."""
    from mmdet import registry
    from mmengine.registry import Registry

    for candidate in vars(registry).values():
        if isinstance(candidate, Registry):
            found = candidate.get(name)
            if found is not None:
                return found
    return None


def parameters_of(kind: Callable) -> Parameters:
    """The parameters of a function or class, those handed on included."""
    functions = [kind]
    if isinstance(kind, type):
        functions = [c.__init__ for c in kind.__mro__ if '__init__' in vars(c)]
    found: Parameters = {}
    for function in functions:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # written in C
            break
        for one in parameters:
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
                found.setdefault(one.name, annotation_of(one, function))
        if not any(one.kind == one.VAR_KEYWORD for one in parameters):
            break
    found.pop('self', None)
    return found


def annotation_of(parameter: inspect.Parameter, function: Callable) -> object:
    """What a parameter is annotated with, its text read as Python does."""
    try:
        hints = typing.get_type_hints(
            types.SimpleNamespace(
                __annotations__={'it': parameter.annotation}
            ),
            getattr(function, '__globals__', {}),
        )
        return hints['it']
    except Exception:  # it may name what is imported for type checkers alone
        return UNSTATED


def check_type(key: str, value: object, old: object, hint: object) -> None:
    """Refuse a value that is of none of the types wanted.

    Args:
        key: For the message.
        value: The new value.
        old: The value in the configuration.
        hint: Annotation of the parameter. It wins over the old value, unless
            that shows that the annotation is not meant.
    """
    fit = fits(value, hint)
    if old is not None and fits(old, hint) is False:
        fit = None
    if fit is None:
        fit = resembles(value, old)
    if not fit:
        raise UserError(
            f'{OPTION} {key}={value}: is {kind_of(value)}, where '
            + (
                f'{kind_of(old)} is wanted ({_short(old)} in the '
                'configuration)'
                if old is not None
                else f'{getattr(hint, "__name__", hint)} is wanted'
            )
        )


def fits(value: object, hint: object) -> bool | None:
    """Whether a value is of an annotated type; None if that is not known."""
    origin = typing.get_origin(hint) or hint
    if origin in (typing.Union, types.UnionType):
        answers = [fits(value, part) for part in typing.get_args(hint)]
        known = [answer for answer in answers if answer is not None]
        return any(known) or (None if None in answers else False)
    if hint is type(None):
        return value is None
    if origin is bool:
        return isinstance(value, bool) or value in (0, 1)
    if origin in (int, float):
        number = int if origin is int else int | float
        return isinstance(value, number) and not isinstance(value, bool)
    if origin is str:
        return isinstance(value, str)
    if origin in (list, tuple, Sequence):
        return isinstance(value, list | tuple)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    return None


def resembles(value: object, old: object) -> bool:
    """Whether a value is of the same kind as the one it replaces."""
    if value is None or old is None:
        return True
    if isinstance(old, bool):
        return isinstance(value, bool) or value in (0, 1)
    if isinstance(old, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(old, Mapping):
        return isinstance(value, Mapping | list)
    if isinstance(old, list | tuple):
        return isinstance(value, list | tuple | Mapping)
    return not isinstance(old, str) or isinstance(value, str)


def kind_of(value: object) -> str:
    """The kind of a value in words."""
    if value is None:
        return 'nothing'
    for kind, words in KINDS.items():
        if isinstance(value, kind):
            return words
    return f'a {type(value).__name__}'


def check_optimizers(cfg: Config) -> None:
    """Refuse an optimizer of a name that nobody knows.

    Every other part is asked for by a registry, which says so.
    """
    from mmengine.registry import OPTIMIZERS

    wrapper = cfg.get('optim_wrapper') or {}
    for path in paths_of(wrapper):
        *groups, last = path.split('.')
        if last != 'type' or not groups or groups[-1] != 'optimizer':
            continue
        place: object = wrapper
        for group in groups:
            place = children(place)[group]
        name = place['type']
        if isinstance(name, str) and OPTIMIZERS.get(name) is None:
            near = difflib.get_close_matches(name, OPTIMIZERS.module_dict, n=1)
            raise UserError(
                f'optim_wrapper.{path}: there is no optimizer {name}'
                + (f'; did you mean {near[0]}?' if near else '')
            )


def _short(value: object) -> str:
    text = ' '.join(repr(value).split())
    return text if len(text) <= 40 else f'{text[:37]}...'


def follow_num_workers(cfg: Config) -> None:
    """Without loader processes, drop the settings that need some."""
    for stage in ('train', 'val', 'test'):
        loader = cfg.get(f'{stage}_dataloader')
        if loader and not loader.get('num_workers'):
            loader.persistent_workers = False
            loader.pop('prefetch_factor', None)
