"""Identities: look-alikes share colours and differ in other traits."""

from collections import Counter

from lab.synthetic.appearance import (
    LOOK_ALIKES,
    MIN_DIFFERENT_TRAITS,
    Wardrobe,
    num_different_traits,
    sample_population,
)
from lab.synthetic.randomness import stream


def test_any_two_persons_of_the_same_colours_differ_elsewhere():
    people = sample_population(stream(0, 'test'), 80, Wardrobe())
    close = [
        num_different_traits(one, other)
        for index, one in enumerate(people)
        for other in people[:index]
        if one.top_colour == other.top_colour
        and one.bottom_colour == other.bottom_colour
    ]
    assert len(close) > 80
    assert min(close) >= 1
    assert sum(close) / len(close) > MIN_DIFFERENT_TRAITS


def test_main_colours_come_in_groups():
    people = sample_population(stream(1, 'test'), 80, Wardrobe())
    tops = Counter(person.top_colour for person in people)
    assert min(tops.values()) >= LOOK_ALIKES
    assert sum(count * count for count in tops.values()) / 80 >= 8


def test_a_population_depends_on_its_stream_only():
    def draw(seed: int):
        return sample_population(stream(seed, 'test'), 9, Wardrobe())

    assert draw(0) == draw(0)
    assert draw(0) != draw(1)
