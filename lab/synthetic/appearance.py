"""Who a person is: build, hair, garments and bag, the same in every image.

Identities come in groups of look-alikes that share the colours of top and
bottom and differ in several other traits, so that colour alone names the
group at best and never the person.
"""

from dataclasses import dataclass, field, fields

import numpy as np

from .palette import CLOTH, HAIR, SKIN, Colour
from .randomness import pick

LOOK_ALIKES = 4
MIN_DIFFERENT_TRAITS = 3


@dataclass(frozen=True)
class Person:
    """The lasting looks of one identity."""

    height: float  # metres
    build: float  # width of the body, 1 = average
    skin: str
    hair: str  # style
    hair_colour: str
    hat: str
    hat_colour: str
    top: str
    top_colour: str
    second_colour: str
    pattern: str
    sleeves: str
    sleeve_contrast: bool
    bottom: str
    bottom_colour: str
    bottom_stripe: bool
    shoes_colour: str
    bag: str
    bag_colour: str
    tint: tuple[float, float, float]  # the dye of this very garment

    def cloth(self, name: str) -> Colour:
        """A garment colour with the small deviation of this person's."""
        blue, green, red = (
            float(np.clip(channel * tint, 0, 255))
            for channel, tint in zip(CLOTH[name], self.tint)
        )
        return blue, green, red

    @property
    def skin_bgr(self) -> Colour:
        """Colour of the skin, BGR."""
        return SKIN[self.skin]

    @property
    def hair_bgr(self) -> Colour:
        """Colour of the hair, BGR."""
        return HAIR[self.hair_colour]


TRAITS = (
    'top',
    'pattern',
    'second_colour',
    'sleeves',
    'bottom',
    'hair',
    'hair_colour',
    'hat',
    'bag',
    'bag_colour',
    'shoes_colour',
)

EVERY_COLOUR = dict.fromkeys(CLOTH, 1.0)
VIVID = {**EVERY_COLOUR, 'black': 0.6, 'white': 0.8, 'brown': 0.5, 'navy': 0.6}
SOMBRE = {
    'black': 4,
    'navy': 3,
    'grey': 3,
    'brown': 2,
    'beige': 1.5,
    'red': 1,
    'green': 1,
    'teal': 0.8,
    'purple': 0.8,
    'white': 0.6,
}
DENIM = {
    'navy': 3,
    'black': 3,
    'blue': 2,
    'grey': 2,
    'beige': 2,
    'brown': 1,
    'white': 0.7,
    'red': 0.5,
    'green': 0.5,
}


@dataclass(frozen=True)
class Wardrobe:
    """How often each trait occurs among the people of one domain."""

    tops: dict[str, float] = field(
        default_factory=lambda: {
            'shirt': 4,
            'jacket': 2,
            'coat': 1,
            'hoodie': 1.5,
        }
    )
    patterns: dict[str, float] = field(
        default_factory=lambda: {
            'plain': 2,
            'stripes': 2,
            'pinstripes': 1.5,
            'checks': 1.5,
            'logo': 2,
            'halves': 1.5,
            'sides': 1,
            'band': 1.5,
        }
    )
    sleeves: dict[str, float] = field(
        default_factory=lambda: {'none': 0.7, 'short': 3, 'long': 3}
    )
    bottoms: dict[str, float] = field(
        default_factory=lambda: {
            'trousers': 4,
            'shorts': 1.5,
            'skirt': 1.5,
            'dress': 1,
        }
    )
    hair: dict[str, float] = field(
        default_factory=lambda: {
            'bald': 0.6,
            'short': 3,
            'long': 2,
            'bun': 1,
            'afro': 0.8,
        }
    )
    hats: dict[str, float] = field(
        default_factory=lambda: {
            'none': 5,
            'cap': 1.3,
            'beanie': 1,
            'brim': 0.6,
        }
    )
    bags: dict[str, float] = field(
        default_factory=lambda: {
            'none': 3,
            'backpack': 2,
            'shoulder': 2,
            'tote': 1.3,
        }
    )
    top_colours: dict[str, float] = field(default_factory=lambda: VIVID)
    bottom_colours: dict[str, float] = field(default_factory=lambda: DENIM)


def sample_person(
    rng: np.random.Generator,
    wardrobe: Wardrobe,
    top_colour: str,
    bottom_colour: str,
) -> Person:
    """A person in the given main colours with everything else at random."""
    others = {name: 1.0 for name in CLOTH if name != top_colour}
    bottom = pick(rng, wardrobe.bottoms)
    return Person(
        height=float(rng.uniform(1.52, 1.92)),
        build=float(rng.uniform(0.82, 1.28)),
        skin=pick(rng, dict.fromkeys(SKIN, 1.0)),
        hair=pick(rng, wardrobe.hair),
        hair_colour=pick(rng, dict.fromkeys(HAIR, 1.0)),
        hat=pick(rng, wardrobe.hats),
        hat_colour=pick(rng, EVERY_COLOUR),
        top='shirt' if bottom == 'dress' else pick(rng, wardrobe.tops),
        top_colour=top_colour,
        second_colour=pick(rng, others),
        pattern=pick(rng, wardrobe.patterns),
        sleeves=pick(rng, wardrobe.sleeves),
        sleeve_contrast=bool(rng.random() < 0.25),
        bottom=bottom,
        bottom_colour=top_colour if bottom == 'dress' else bottom_colour,
        bottom_stripe=bool(rng.random() < 0.2),
        shoes_colour=pick(rng, EVERY_COLOUR),
        bag=pick(rng, wardrobe.bags),
        bag_colour=pick(rng, EVERY_COLOUR),
        tint=tuple(rng.uniform(0.9, 1.1, 3).tolist()),
    )


def num_different_traits(one: Person, other: Person) -> int:
    """How many of the traits a human would name tell two persons apart."""
    return sum(getattr(one, name) != getattr(other, name) for name in TRAITS)


def sample_population(
    rng: np.random.Generator, count: int, wardrobe: Wardrobe
) -> list[Person]:
    """`count` persons in shuffled groups of look-alikes."""
    persons: list[Person] = []
    while len(persons) < count:
        colours = (
            pick(rng, wardrobe.top_colours),
            pick(rng, wardrobe.bottom_colours),
        )
        group: list[Person] = []
        while len(group) < LOOK_ALIKES:
            person = sample_person(rng, wardrobe, *colours)
            if all(
                num_different_traits(person, other) >= MIN_DIFFERENT_TRAITS
                for other in group
            ):
                group.append(person)
        persons += group
    order = rng.permutation(count)
    return [persons[index] for index in order]


assert set(TRAITS) <= {entry.name for entry in fields(Person)}
