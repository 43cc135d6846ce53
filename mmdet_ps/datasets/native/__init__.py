"""Readers of the datasets as their authors publish them.

Each reader turns one native folder into a :class:`NativeSet`: records of
images with boxes and identities, in the order the evaluation counts on. It
knows nothing of models, of configs, or of where the folder lies.
"""

from .errors import NativeDataError
from .records import ImageRecord, NativeSet, Note, Split
from .registry import FORMS, NativeForm, find_form

__all__ = [
    'FORMS',
    'ImageRecord',
    'NativeDataError',
    'NativeForm',
    'NativeSet',
    'Note',
    'Split',
    'find_form',
]
