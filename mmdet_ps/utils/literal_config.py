"""Reads a configuration from elsewhere without running it.

A configuration is a Python program, and one that came with weights from the
network is somebody else's. Those that this package publishes consist of plain
values, and so they can be read as text.
"""

from __future__ import annotations

import ast
import re

from mmengine.config import Config

from .errors import UserError

SCOPE = 'mmdet'
PART = re.compile(r'(mmdet\.)?[A-Za-z_]\w*')


def read_literal_config(text: str, name: str) -> Config:
    """A configuration whose every line is ``NAME = plain value``.

    Args:
        text: The configuration.
        name: Of the file, for messages.

    Raises:
        UserError: It does more, or names parts by the path of a module,
            which might be any function.
    """
    values = {}
    try:
        for node in ast.parse(text).body:
            if is_docstring(node):
                continue
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                raise Program(node)
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                raise Program(node)
            values[target.id] = plain_value(node.value)
    except SyntaxError as error:
        raise UserError(
            f'{name}: is no configuration (line {error.lineno})'
        ) from error
    except Program as error:
        raise UserError(
            f'{name}: line {error.line} is more than a plain value, and is '
            'not run, since it is of somebody else; if you trust it, name '
            'the file itself as the configuration'
        ) from error
    check_parts(values, name)
    return Config(values)


class Program(Exception):
    """A part of a configuration that only running it would tell."""

    def __init__(self, node: ast.AST) -> None:
        super().__init__()
        self.line = getattr(node, 'lineno', 0)


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a text."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def plain_value(node: ast.expr) -> object:
    """The value of an expression of literals and ``dict(key=value)``."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == 'dict'
        and all(word.arg for word in node.keywords)
    ):
        # mmengine writes dict({...}) where a key is no name.
        if len(node.args) == 1 and isinstance(node.args[0], ast.Dict):
            first = plain_value(node.args[0])
        elif node.args:
            raise Program(node)
        else:
            first = {}
        words = {word.arg: plain_value(word.value) for word in node.keywords}
        return {**first, **words}
    if isinstance(node, ast.Dict) and all(node.keys):
        return {
            plain_value(key): plain_value(value)
            for key, value in zip(node.keys, node.values)
        }
    if isinstance(node, ast.List):
        return [plain_value(part) for part in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(plain_value(part) for part in node.elts)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise Program(node) from None


def check_parts(value: object, name: str) -> None:
    """Refuse what would let a registry import or call anything.

    A registry of mmengine imports a ``type`` that it does not know by its
    path, and a ``_scope_`` as a package.
    """
    if isinstance(value, dict):
        scope = value.get('default_scope', SCOPE)
        if '_scope_' in value or scope != SCOPE:
            raise UserError(f'{name}: names a scope other than {SCOPE}')
        kind = value.get('type')
        if kind is not None and not (
            isinstance(kind, str) and PART.fullmatch(kind)
        ):
            raise UserError(
                f'{name}: type {kind!r} is no name of a part of MMDetection '
                'or of this package'
            )
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            check_parts(part, name)
