"""Colour helps, yet it does not find a person under another camera."""

import cv2
import numpy as np
import pytest

from lab.synthetic.appearance import sample_population
from lab.synthetic.crop import CropSpec, render_crop
from lab.synthetic.domains import DOMAINS, domain_camera
from lab.synthetic.randomness import stream

NUM_PERSONS = 40
BINS = [12, 4, 4]  # hue, saturation, value
CHANCE = 1 / NUM_PERSONS
COLOUR_BOUND = 0.5  # of the persons a colour histogram may put first


def crops(name: str, camera: int) -> list[np.ndarray]:
    domain = DOMAINS[name]
    people = sample_population(
        stream(0, name, 'colour test'), NUM_PERSONS, domain.wardrobe
    )
    return [
        render_crop(
            CropSpec(
                0,
                (name, camera, index),
                (name, camera),
                (48, 96),
                domain_camera(0, name, camera),
                domain.setting,
                person,
            )
        )
        for index, person in enumerate(people)
    ]


def histogram(image: np.ndarray) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist(
        [hsv], [0, 1, 2], None, BINS, [0, 180, 0, 256, 0, 256]
    )
    root = np.sqrt(counts.ravel())
    return root / np.linalg.norm(root)


@pytest.mark.parametrize('name', ['Market-1501-v15.09.15', 'MSMT17_V1'])
def test_a_colour_histogram_ranks_poorly_across_cameras(name):
    found = []
    for query_camera, gallery_camera in ((1, 2), (3, 4)):
        query, gallery = (
            np.stack([histogram(image) for image in crops(name, camera)])
            for camera in (query_camera, gallery_camera)
        )
        best = (query @ gallery.T).argmax(1)
        found.append(np.mean(best == np.arange(NUM_PERSONS)))
    assert CHANCE < np.mean(found) < COLOUR_BOUND
