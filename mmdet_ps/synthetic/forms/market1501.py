"""Market-1501: flat folders, `0002_c1s1_000451_03.jpg`."""

from ..appearance import Person
from ..build import Build
from ..crop import CropSpec
from .reid_names import add_truth, crop_spec, shuffled_cameras

NUM_CAMERAS = 6
DISTRACTOR, JUNK = 0, -1
FOLDERS = {
    'train': 'bounding_box_train',
    'query': 'query',
    'gallery': 'bounding_box_test',
}


def file_name(identity: int, camera: int, frame: int, box: int) -> str:
    """Identity -1 is written `-1`, every other with four digits."""
    number = '-1' if identity == JUNK else f'{identity:04d}'
    return f'{number}_c{camera}s1_{frame:06d}_{box:02d}.jpg'


class Crops:
    """Collects the crops of one split."""

    def __init__(self, build: Build, others: list[Person]) -> None:
        self.build, self.others = build, others
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
        **more,
    ) -> None:
        frame = 151 + 25 * len(self.specs)
        box = 0 if split == 'query' else len(self.specs) % 4 + 1
        file = f'{FOLDERS[split]}/{file_name(identity, camera, frame, box)}'
        self.specs[file] = crop_spec(
            self.build, file, camera, person, self.others, **more
        )
        self.splits[split][file] = (identity, camera)


def write(build: Build) -> None:
    size, rng = build.size, build.rng('plan')
    people = build.population(size.train_ids + size.test_ids)
    numbers = (rng.permutation(len(people) * 2)[: len(people)] + 2).tolist()
    crops = Crops(build, people)
    for index in range(size.train_ids):
        count = max(4, int(rng.poisson(size.crops)))
        for camera in shuffled_cameras(rng, NUM_CAMERAS, count):
            crops.add('train', numbers[index], camera, people[index])
    for index in range(size.train_ids, len(people)):
        cameras = shuffled_cameras(rng, NUM_CAMERAS, 8)
        for camera in sorted(set(cameras)):
            crops.add('query', numbers[index], camera, people[index])
        for camera in cameras:
            crops.add('gallery', numbers[index], camera, people[index])
    for stranger in build.population(size.test_ids, 'distractors'):
        camera = int(rng.integers(NUM_CAMERAS)) + 1
        crops.add('gallery', DISTRACTOR, camera, stranger)
    for _ in range(size.test_ids):
        camera = int(rng.integers(NUM_CAMERAS)) + 1
        crops.add('gallery', JUNK, camera, None)
    build.render(crops.specs)
    for split, found in crops.splits.items():
        add_truth(build, split, found)
    for folder in FOLDERS.values():  # the archive holds these as well
        (build.root / folder / 'Thumbs.db').write_bytes(b'not an image')
    build.truth.facts['num_train_identities'] = size.train_ids
    build.truth.add_trap('junk crops (-1)', 'bounding_box_test/-1_*')
    build.truth.add_trap('distractor crops (0000)', 'bounding_box_test/0000_*')
    build.truth.add_trap('file that is no image', '*/Thumbs.db')
