"""Decides who appears in which picture."""

import numpy as np


def cast_scenes(
    rng: np.random.Generator,
    appearances: dict[int, int],
    num_scenes: int,
    capacity: int,
) -> list[list[int]]:
    """Distribute persons over scenes.

    The least filled scenes are taken first, so that no scene stays empty
    while another holds two more persons than it.

    Args:
        rng: Decides among scenes that are equally filled.
        appearances: Person -> number of different scenes to appear in.
        num_scenes: Number of scenes.
        capacity: Greatest number of persons in a scene.

    Returns:
        The persons of each scene.

    Raises:
        ValueError: There are too few scenes.
    """
    scenes: list[list[int]] = [[] for _ in range(num_scenes)]
    for person, count in appearances.items():
        order = sorted(
            range(num_scenes),
            key=lambda index: len(scenes[index]) + rng.random() * 1.5,
        )
        free = [index for index in order if len(scenes[index]) < capacity]
        if len(free) < count:
            raise ValueError(
                f'{num_scenes} scenes of {capacity} persons are too few for '
                f'{sum(appearances.values())} appearances'
            )
        for index in free[:count]:
            scenes[index].append(person)
    return scenes
