"""Pictures of passers-by for detection sets, whatever the form."""

from dataclasses import replace

from ..build import Build
from ..placement import border_placement
from ..scene import Actor, Sighting

BORDER_EVERY = 4  # pictures until somebody is cut by the left border
MAX_HIDDEN = 0.8
MOST_PERSONS = 40
UNSEEN = 0.03  # nobody can annotate whom nobody sees


def render_crowds(
    build: Build, files: dict[str, list[str]]
) -> dict[str, list[Sighting]]:
    """Draw pictures of passers-by.

    Args:
        build: The set.
        files: Split -> files to draw, relative to the set's folder.

    Returns:
        File -> who can be seen in it; whoever is hidden is left out.
    """
    people = build.population(300)
    specs = {}
    for split, names in files.items():
        for index, file in enumerate(names):
            rng = build.rng(split, index)
            number = max(2, int(rng.poisson(build.size.persons)))
            chosen = rng.choice(
                len(people), min(number, MOST_PERSONS), replace=False
            )
            actors = [Actor(people[i], int(i)) for i in chosen]
            if index % BORDER_EVERY == 0:
                place = border_placement(rng, build.size.image, False)
                actors[0] = replace(actors[0], placement=place)
            specs[file] = build.scene(
                (split, index),
                (split, index),
                build.size.image,
                build.camera(split, index),
                actors,
                max_hidden=MAX_HIDDEN,
            )
    return {
        file: [seen for seen in sightings if seen.visibility > UNSEEN]
        for file, sightings in build.render(specs).items()
    }


def corners(box: tuple) -> list[int]:
    """Whole numbers x1, y1, x2, y2; may leave the picture."""
    return [int(round(value)) for value in box]


def xywh(box: tuple) -> list[int]:
    """Whole numbers x, y, w, h of an xyxy box; may leave the picture."""
    x0, y0, x1, y1 = corners(box)
    return [x0, y0, x1 - x0, y1 - y0]
