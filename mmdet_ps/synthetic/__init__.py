"""A synthetic world in the native forms of the real data sets."""

from .make import make_sets
from .sizes import DEFAULT_SETS, NUM_IDENTITIES, SIZES

__all__ = ['DEFAULT_SETS', 'NUM_IDENTITIES', 'SIZES', 'make_sets']
