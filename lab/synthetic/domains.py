"""The style of each data set: who is there, where, and seen by what.

Domains differ on purpose in clothing, places, light and camera, so that a
detector or an embedding carried from one to the other has a gap to bridge.
"""

from dataclasses import dataclass, field

import numpy as np

from .appearance import EVERY_COLOUR, SOMBRE, VIVID, Wardrobe
from .backdrop import Setting
from .camera import Camera, sample_camera
from .randomness import stream


@dataclass(frozen=True)
class Domain:
    """The style of a data set: clothes, places and cameras."""

    wardrobe: Wardrobe = field(default_factory=Wardrobe)
    setting: Setting = field(default_factory=Setting)
    cast: float = 0.15  # how far the colours of its cameras differ
    camera: dict = field(default_factory=dict)  # what all cameras share
    liveliness: float = 0.0


SUMMER = {
    'tops': {'shirt': 6, 'jacket': 1, 'hoodie': 0.7},
    'sleeves': {'none': 1.2, 'short': 4, 'long': 1.2},
    'bottoms': {'trousers': 2.5, 'shorts': 2.5, 'skirt': 2, 'dress': 1.5},
    'hats': {'none': 6, 'cap': 1.5, 'brim': 1},
}
WINTER = {
    'tops': {'shirt': 1, 'jacket': 3, 'coat': 3, 'hoodie': 2},
    'sleeves': {'short': 0.6, 'long': 4},
    'bottoms': {'trousers': 6, 'skirt': 1, 'dress': 0.5},
    'hats': {'none': 3, 'beanie': 2.5, 'cap': 0.7, 'brim': 0.5},
}
SPORT = {
    'tops': {'shirt': 7, 'hoodie': 1.5},
    'bottoms': {'trousers': 2, 'shorts': 5, 'skirt': 0.7},
    'patterns': {
        'plain': 1,
        'stripes': 2,
        'pinstripes': 1.5,
        'sides': 2,
        'halves': 2,
        'band': 2.5,
        'logo': 3,
    },
    'bags': {'none': 7, 'backpack': 1, 'shoulder': 0.7},
    'bottom_colours': EVERY_COLOUR,
}

NIGHT = Setting(
    places={'street': 4, 'hall': 0.7},
    sky=(70, 50, 40),
    walls=((70, 75, 85), (85, 70, 65), (60, 62, 72)),
    ground=((85, 80, 78), (70, 68, 70)),
    tone=0.75,
)
CAMPUS = Setting(
    places={'street': 1, 'park': 3},
    ground=((150, 165, 172), (120, 128, 130)),
    walls=((130, 150, 200), (170, 175, 178)),
)
ARENA = Setting(
    places={'hall': 4, 'park': 1.5},
    clutter=1.8,
    walls=((150, 120, 90), (110, 110, 140), (180, 185, 190), (90, 120, 90)),
    ground=((90, 150, 200), (120, 150, 90), (165, 165, 170)),
)
STATION = Setting(
    places={'hall': 3, 'street': 2},
    sky=(215, 205, 200),
    clutter=1.4,
    walls=((175, 180, 180), (140, 150, 160), (200, 205, 200)),
    ground=((160, 160, 158), (120, 118, 120)),
)

DOMAINS: dict[str, Domain] = {
    'CUHK-SYSU': Domain(cast=0.16),
    'PRW': Domain(
        Wardrobe(**SUMMER),
        CAMPUS,
        cast=0.16,
        camera={'elevation': 0.95, 'far': 0.3, 'near': 0.78},
    ),
    'PoseTrack21': Domain(
        Wardrobe(**SPORT),
        ARENA,
        cast=0.18,
        liveliness=0.35,
        camera={'near': 0.8},
    ),
    'CrowdHuman': Domain(
        cast=0.18, camera={'far': 0.26, 'near': 0.85}, liveliness=0.1
    ),
    'CrowdHuman-2': Domain(
        Wardrobe(**WINTER, top_colours=SOMBRE),
        NIGHT,
        cast=0.14,
        camera={'far': 0.26, 'near': 0.8, 'noise': 9.0, 'saturation': 0.75},
    ),
    'Market-1501-v15.09.15': Domain(Wardrobe(**SUMMER), CAMPUS, cast=0.16),
    'MSMT17_V1': Domain(
        Wardrobe(
            **WINTER,
            top_colours={**VIVID, 'black': 2, 'navy': 1.5, 'grey': 1.5},
        ),
        STATION,
        cast=0.2,
    ),
}
DOMAINS.update(
    {
        'CityPersons': Domain(setting=Setting(places={'street': 1})),
        'ECP': Domain(setting=Setting(places={'street': 1}), cast=0.2),
        'WiderPerson': Domain(setting=STATION),
        'coco': Domain(liveliness=0.3),
        'MSMT17_V2': DOMAINS['MSMT17_V1'],
        'MSMT17_market': DOMAINS['MSMT17_V1'],
        'cuhk03_release': Domain(setting=STATION),
        'DukeMTMC-reID': Domain(Wardrobe(**WINTER), CAMPUS),
        'LUPerson': Domain(cast=0.2),
        'MOT17': Domain(Wardrobe(**SUMMER), Setting(places={'street': 1})),
    }
)


def domain_camera(seed: int, name: str, *key: object) -> Camera:
    """The camera called `key` in a domain."""
    domain = DOMAINS[name]
    rng: np.random.Generator = stream(seed, name, 'camera', *key)
    return sample_camera(rng, domain.cast, **domain.camera)
