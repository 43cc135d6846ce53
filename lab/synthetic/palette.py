"""Colours of garments, skin and hair, as BGR triples."""

Colour = tuple[float, float, float]

CLOTH: dict[str, Colour] = {
    'black': (34, 30, 30),
    'white': (236, 236, 238),
    'grey': (140, 138, 136),
    'red': (44, 40, 200),
    'blue': (205, 110, 40),
    'navy': (92, 48, 30),
    'green': (70, 140, 50),
    'yellow': (50, 205, 235),
    'orange': (40, 125, 235),
    'purple': (140, 50, 110),
    'pink': (175, 130, 235),
    'brown': (45, 75, 115),
    'beige': (150, 190, 215),
    'teal': (140, 135, 30),
}

SKIN: dict[str, Colour] = {
    'pale': (190, 210, 238),
    'light': (150, 182, 226),
    'tan': (110, 150, 200),
    'brown': (70, 104, 158),
    'dark': (46, 66, 102),
}

HAIR: dict[str, Colour] = {
    'black': (24, 22, 22),
    'brown': (32, 52, 82),
    'blond': (110, 180, 220),
    'red': (36, 76, 168),
    'grey': (165, 165, 168),
}


def shade(colour: Colour, factor: float) -> Colour:
    """`colour` made darker (factor < 1) or lighter (factor > 1)."""
    blue, green, red = (min(255.0, channel * factor) for channel in colour)
    return blue, green, red
