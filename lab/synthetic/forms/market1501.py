"""Market-1501: flat folders, `0002_c1s1_000451_03.jpg`."""

from collections.abc import Callable

from ..appearance import Person
from ..build import Build
from ..crop import CropSpec
from .reid_names import add_truth, crop_spec, shuffled_cameras

NUM_CAMERAS = 6
GALLERY_CROPS = 8  # of each test identity
DISTRACTOR, JUNK = 0, -1
FOLDERS = {
    'train': 'bounding_box_train',
    'query': 'query',
    'gallery': 'bounding_box_test',
}


def file_name(identity: int, camera: int, index: int, box: int) -> str:
    """Identity -1 is written `-1`, every other with four digits."""
    number = '-1' if identity == JUNK else f'{identity:04d}'
    return f'{number}_c{camera}s1_{151 + 25 * index:06d}_{box:02d}.jpg'


class Crops:
    """Collects the crops of every split under the names of one form."""

    def __init__(self, build: Build, name: Callable) -> None:
        self.build, self.name = build, name
        self.specs: dict[str, CropSpec] = {}
        self.splits: dict[str, dict[str, tuple[int, int]]] = {
            split: {} for split in FOLDERS
        }

    def add(
        self,
        split: str,
        identity: int,
        camera: int,
        person: Person | None,
        others: list[Person],
    ) -> None:
        """Name a crop and plan it; ``others`` may walk through it."""
        index = len(self.specs)
        box = 0 if split == 'query' else index % 4 + 1
        name = self.name(identity, camera, index, box)
        file = f'{FOLDERS[split]}/{name}'
        self.specs[file] = crop_spec(self.build, file, camera, person, others)
        self.splits[split][file] = (identity, camera)

    def render(self) -> None:
        """Draw the crops and record who they show."""
        self.build.render(self.specs)
        for split, found in self.splits.items():
            add_truth(self.build, split, found)


def write_market_like(build: Build, crops: Crops, num_cameras: int) -> None:
    """Training crops, one query per test person and camera, a gallery."""
    size, rng = build.size, build.rng('plan')
    people = build.population(size.train_ids + size.test_ids)
    numbers = (rng.permutation(len(people) * 2)[: len(people)] + 2).tolist()
    for index, person in enumerate(people):
        if index < size.train_ids:
            count = max(4, int(rng.poisson(size.crops)))
            for camera in shuffled_cameras(rng, num_cameras, count):
                crops.add('train', numbers[index], camera, person, people)
            continue
        cameras = shuffled_cameras(rng, num_cameras, GALLERY_CROPS)
        for camera in sorted(set(cameras)):
            crops.add('query', numbers[index], camera, person, people)
        for camera in cameras:
            crops.add('gallery', numbers[index], camera, person, people)
    crops.render()
    build.truth.facts['num_train_identities'] = size.train_ids


def write(build: Build) -> None:
    """Draw Market-1501: crops in three folders, junk included."""
    size, rng = build.size, build.rng('strangers')
    crops = Crops(build, file_name)
    for stranger in build.population(size.test_ids, 'distractors'):
        camera = int(rng.integers(NUM_CAMERAS)) + 1
        crops.add('gallery', DISTRACTOR, camera, stranger, [])
    for _ in range(size.test_ids):
        camera = int(rng.integers(NUM_CAMERAS)) + 1
        crops.add('gallery', JUNK, camera, None, [])
    write_market_like(build, crops, NUM_CAMERAS)
    for folder in FOLDERS.values():  # the archive holds these as well
        (build.root / folder / 'Thumbs.db').write_bytes(b'not an image')
    truth = build.truth
    truth.add_trap('junk crops (-1)', 'bounding_box_test/-1_*')
    truth.add_trap('distractor crops (0000)', 'bounding_box_test/0000_*')
    truth.add_trap('file that is no image', '*/Thumbs.db')
