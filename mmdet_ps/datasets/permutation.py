"""A random order of any length that needs no memory."""

from __future__ import annotations

ROUNDS = 4
WORD = (1 << 64) - 1


def shuffled(place: int, size: int, key: int) -> int:
    """What lies at a place of a random order of 0 to ``size`` - 1.

    A Feistel network on the next power of four, walked until it lands inside:
    a permutation for every key, like a shuffled list of millions of numbers
    that nobody has to hold.
    """
    half = ((size - 1).bit_length() + 1) // 2 or 1
    mask = (1 << half) - 1
    while True:
        left, right = place >> half, place & mask
        for turn in range(ROUNDS):
            scrambled = _mix(right ^ key * ROUNDS + turn << half) & mask
            left, right = right, left ^ scrambled
        place = left << half | right
        if place < size:
            return place


def _mix(word: int) -> int:
    """A well-spread 64-bit number (the finaliser of splitmix64)."""
    word = (word + 0x9E3779B97F4A7C15) & WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31
