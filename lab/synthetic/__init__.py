"""A synthetic world in the native forms of the real data sets."""

from .make import available_sets, make_sets
from .sizes import NUM_IDENTITIES, SIZES

__all__ = ['NUM_IDENTITIES', 'SIZES', 'available_sets', 'make_sets']
