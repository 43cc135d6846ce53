"""A random order of any length that needs no memory."""

from __future__ import annotations

ROUNDS = 4
WORD = (1 << 64) - 1


def shuffled(place: int, size: int, key: int) -> int:
    """Look up one place of a shuffled list that nobody has to hold.

    The list is a random order of the numbers from 0 to ``size`` - 1, another
    one for every key. It is computed by a Feistel network, which turns every
    number below a power of four into another one and never two into the same.
    Where the result is not below ``size``, the network is applied again until
    it is; this is still a permutation ("cycle walking", Black and Rogaway,
    CT-RSA 2002).

    Args:
        place (int): Place in the list, from 0.
        size (int): Length of the list.
        key (int): Which of the orders.

    Returns:
        int: The number at this place.
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
