"""How much of each data set a size preset holds.

`tiny` serves tests, `quick` the quickstart on a CPU, `large` training on a
GPU. Lengths are in pixels; everything is drawn with vectors, so that large
pictures show more detail and not larger blocks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchSize:
    """How much a search set holds.

    ``frames`` is the length of each video, for PoseTrack21 and MOT17, which
    come in videos.
    """

    image: tuple[int, int]  # width, height
    train_images: int
    test_images: int
    train_ids: int
    test_ids: int
    frames: int = 8


@dataclass(frozen=True)
class DetectionSize:
    """How much a set of scenes without identities holds."""

    image: tuple[int, int]
    train_images: int
    val_images: int
    persons: float  # mean per image


@dataclass(frozen=True)
class ReidSize:
    """How much a set of crops with identities and without scenes holds."""

    crop: tuple[int, int]
    train_ids: int
    test_ids: int
    crops: int  # mean per training identity


SetSize = SearchSize | DetectionSize | ReidSize

TINY: dict[str, SetSize] = {
    'CUHK-SYSU': SearchSize((240, 160), 12, 16, 8, 6),
    'PRW': SearchSize((256, 144), 12, 18, 10, 6),
    'PoseTrack21': SearchSize((240, 160), 12, 16, 8, 6, frames=4),
    'CrowdHuman': DetectionSize((240, 160), 6, 3, 6),
    'CrowdHuman-2': DetectionSize((240, 160), 6, 3, 6),
    'Market-1501-v15.09.15': ReidSize((48, 96), 6, 4, 6),
    'MSMT17_V1': ReidSize((48, 96), 6, 4, 6),
}

# Forms of further pre-training sets, for whoever reads those.
FURTHER: dict[str, SetSize] = {
    'CityPersons': DetectionSize((320, 160), 6, 3, 6),
    'ECP': DetectionSize((300, 160), 6, 3, 6),
    'WiderPerson': DetectionSize((240, 160), 6, 3, 8),
    'coco': DetectionSize((240, 160), 6, 3, 4),
    'MSMT17_V2': ReidSize((48, 96), 4, 3, 5),
    'MSMT17_market': ReidSize((48, 96), 4, 3, 5),
    'cuhk03_release': ReidSize((48, 96), 3, 3, 10),
    'DukeMTMC-reID': ReidSize((48, 96), 4, 3, 6),
    'LUPerson': ReidSize((48, 96), 10, 0, 4),
    'MOT17': SearchSize((240, 160), 24, 16, 6, 6, frames=8),
}
TINY.update(FURTHER)

QUICK: dict[str, SetSize] = {
    'CUHK-SYSU': SearchSize((240, 160), 96, 120, 60, 50),
    'PRW': SearchSize((256, 144), 96, 120, 60, 40),
    'PoseTrack21': SearchSize((240, 160), 96, 96, 60, 40, frames=4),
    'CrowdHuman': DetectionSize((240, 160), 400, 20, 8),
    'CrowdHuman-2': DetectionSize((240, 160), 400, 20, 8),
    'Market-1501-v15.09.15': ReidSize((48, 96), 250, 30, 12),
    'MSMT17_V1': ReidSize((48, 96), 250, 30, 12),
}

LARGE: dict[str, SetSize] = {
    'CUHK-SYSU': SearchSize((1500, 900), 3000, 1500, 1400, 700),
    'PRW': SearchSize((1920, 1080), 2000, 2000, 483, 450),
    'PoseTrack21': SearchSize((1280, 720), 2000, 1200, 500, 300, frames=10),
    'CrowdHuman': DetectionSize((1400, 900), 4000, 400, 14),
    'CrowdHuman-2': DetectionSize((1400, 900), 4000, 400, 14),
    'Market-1501-v15.09.15': ReidSize((64, 128), 1500, 300, 14),
    'MSMT17_V1': ReidSize((96, 192), 1500, 300, 16),
}

# What is made when nobody names sets.
DEFAULT_SETS = {
    'tiny': list(TINY),
    'quick': list(QUICK),
    'large': list(LARGE),
}
for _preset in (QUICK, LARGE):
    _preset.update(FURTHER)

SIZES: dict[str, dict[str, SetSize]] = {
    'tiny': TINY,
    'quick': QUICK,
    'large': LARGE,
}

NUM_IDENTITIES: dict[str, dict[str, int]] = {
    size: {
        name: entry.train_ids
        for name, entry in sets.items()
        if not isinstance(entry, DetectionSize) and name != 'LUPerson'
    }
    for size, sets in SIZES.items()
}
