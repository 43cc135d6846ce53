"""Renames the keys of a state dict by a table of rules."""

import re
from collections.abc import Iterable

from torch import Tensor

# A pattern of the whole key, and what replaces it; None drops the key.
Rule = tuple[str, str | None]


def rename_keys(
    state_dict: dict[str, Tensor], rules: Iterable[Rule]
) -> tuple[dict[str, Tensor], list[str]]:
    """Apply to every key the first rule that matches all of it.

    Args:
        state_dict: weights under their old keys.
        rules: patterns and replacements, the most special ones first.

    Returns:
        the weights under their new keys, and the keys dropped.

    Raises:
        KeyError: a key that no rule knows, or two keys of the same new name.
    """
    compiled = [(re.compile(pattern), new) for pattern, new in rules]
    renamed, dropped = {}, []
    for key, value in state_dict.items():
        matches = ((rule.fullmatch(key), new) for rule, new in compiled)
        match, new = next((m for m in matches if m[0]), (None, None))
        if match is None:
            raise KeyError(key)
        if new is None:
            dropped.append(key)
            continue
        name = match.expand(new)
        if name in renamed:
            raise KeyError(f'{key} and another key both become {name}')
        renamed[name] = value
    return renamed, dropped
