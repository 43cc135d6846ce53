"""Says what is wrong in a configuration when its parts cannot be built."""

from __future__ import annotations

import contextlib
import difflib
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from .command_line import TRACEBACK_VARIABLE
from .configuration import parameters_of
from .errors import UserError

PACKAGE = Path(__file__).resolve().parents[1].as_posix()
BUILDER = 'mmengine/registry/build_functions.py'
RUNNER = 'mmengine/runner/runner.py'
UNKNOWN_OPTION = re.compile(r"unexpected keyword argument '(\w+)'")
LACKING_OPTION = re.compile(r'missing \d+ required .*?arguments?: (.*)')


@contextlib.contextmanager
def explained(config: str | Path) -> Iterator[None]:
    """Turn what a configuration's parts are refused for into one line.

    An error that arises elsewhere, or within this package, stays what it is.
    What a file does not let a training resume is the file's mistake.

    Args:
        config: The configuration, as the user names it.

    Raises:
        UserError: A part is unknown, or does not take its settings.
    """
    try:
        yield
    except (
        KeyError,
        TypeError,
        ValueError,
        AssertionError,
        AttributeError,
        IndexError,
        RuntimeError,
    ) as error:
        text = mistake_of(error)
        if isinstance(error, UserError) or text is None:
            raise
        raise UserError(f'{config}: {text}') from error


def mistake_of(error: Exception) -> str | None:
    """What is wrong with the part that could not be built; None: a bug."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if any(is_resuming(frame) for frame in frames):
        return (
            'the checkpoint holds no state that this training can resume '
            f'({type(error).__name__}: {error}); start from it by '
            f'--load-from instead; {TRACEBACK_VARIABLE}=1 shows where'
        )
    builders = [f for f in frames if f.f_code.co_filename.endswith(BUILDER)]
    if not builders:
        return None
    names = builders[-1].f_locals
    kind = names.get('obj_cls') or names.get('obj_type')
    name = getattr(kind, '__name__', kind)
    in_builder = frames[-1] is builders[-1]
    if in_builder and isinstance(error, KeyError):
        return unknown_part(builders[-1])
    message = str(error)
    if isinstance(error, TypeError) and callable(kind):
        known = parameters_of(kind)
        if unknown := UNKNOWN_OPTION.search(message):
            near = difflib.get_close_matches(unknown[1], known, n=1)
            return f'{name} has no option {unknown[1]}' + (
                f'; did you mean {near[0]}?'
                if near
                else f'; it has {", ".join(known)}'
            )
        if in_builder and (lacking := LACKING_OPTION.search(message)):
            return f'{name} lacks its option {lacking[1]}'
    if frames[-1].f_code.co_filename.startswith(PACKAGE):
        return None
    if isinstance(error, KeyError) and error.args:
        message = str(error.args[0])
    message = message or 'an assertion fails'
    return (
        f'{name} does not take its settings ({type(error).__name__}: '
        f'{message}); {TRACEBACK_VARIABLE}=1 shows where'
    )


def is_resuming(frame: FrameType) -> bool:
    """Whether a frame is mmengine's that takes a state out of a file."""
    code = frame.f_code
    return code.co_name == 'resume' and code.co_filename.endswith(RUNNER)


def unknown_part(builder: FrameType) -> str:
    """What to say of a type that no registry holds, or of none at all."""
    wanted = builder.f_locals.get('obj_type')
    registry = builder.f_locals['registry']
    if wanted is None:
        settings = ', '.join(map(str, builder.f_locals['cfg']))
        return (
            f'a part of the {registry.name}s has no type (it has {settings})'
        )
    names: list[str] = []
    while registry is not None:
        names += registry.module_dict
        registry = registry.parent
    near = difflib.get_close_matches(str(wanted), names, n=1)
    return f'there is no {builder.f_locals["registry"].name} {wanted}' + (
        f'; did you mean {near[0]}?'
        if near
        else '; name its module in custom_imports'
    )
