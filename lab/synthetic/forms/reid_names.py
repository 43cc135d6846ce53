"""Crops of a re-ID population: who, which camera, which file name."""

import numpy as np

from ..appearance import Person
from ..build import Build
from ..crop import CropSpec


def shuffled_cameras(
    rng: np.random.Generator, num_cameras: int, count: int
) -> list[int]:
    """1-based cameras of `count` crops over two to four cameras."""
    used = rng.permutation(num_cameras)[: int(rng.integers(2, 5))] + 1
    return [int(used[index % len(used)]) for index in range(count)]


def crop_spec(
    build: Build,
    file: str,
    camera: int,
    person: Person | None,
    others: list[Person],
    **more,
) -> CropSpec:
    """The crop behind `file`, sometimes with a passer-by."""
    rng = build.rng('crop', file)
    passer_by = None
    if others and rng.random() < 0.4:
        passer_by = others[int(rng.integers(len(others)))]
    return build.crop(
        (file,),
        (camera,),
        build.size.crop,
        build.camera(camera),
        person,
        passer_by=passer_by,
        **more,
    )


def add_truth(
    build: Build, split: str, crops: dict[str, tuple[int, int]]
) -> None:
    """Record file -> (identity, camera) of one split."""
    for file, (identity, camera) in crops.items():
        build.truth.add_image(file, split, [{'id': identity}], camera=camera)
