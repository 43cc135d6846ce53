"""MSMT17: a folder per identity and list files; V1, V2 or Market-like."""

from ..build import Build
from ..crop import CropSpec
from .reid_names import add_truth, crop_spec, shuffled_cameras

NUM_CAMERAS = 15
TIMES = ('0113morning', '0303noon', '0302afternoon')
FOLDERS = {
    'V1': ('train', 'test', 'test'),
    'V2': ('mask_train_v2', 'mask_test_v2', 'mask_test_v2'),
    'market': ('bounding_box_train', 'query', 'bounding_box_test'),
}
SPLITS = ('train', 'val', 'query', 'gallery')
TEST_CROPS = 8


def file_name(version: str, identity: int, index: int, camera: int) -> str:
    """Below the split's folder; the Market-like repack has no folders."""
    if version == 'market':
        return f'{identity:04d}_c{camera}_{index:04d}.jpg'
    time = TIMES[(camera + index) % len(TIMES)]
    return (
        f'{identity:04d}/{identity:04d}_{index:03d}_{camera:02d}_'
        f'{time}_{index:04d}_0.jpg'
    )


def _split(part: int, index: int, cameras: list[int]) -> str:
    """Of one crop; a training identity's last crop is for validation."""
    if part == 0:
        return 'val' if index == len(cameras) - 1 else 'train'
    first = cameras.index(cameras[index]) == index
    return 'query' if first else 'gallery'


def write(build: Build, version: str = 'V1') -> None:
    """Draw MSMT17, version V1, V2 or the repack in Market's form."""
    size, rng = build.size, build.rng('plan')
    folder = dict(zip(('train', 'query', 'gallery'), FOLDERS[version]))
    folder['val'] = folder['train']
    specs: dict[str, CropSpec] = {}
    lists: dict[str, dict[str, tuple[int, int]]] = {
        split: {} for split in SPLITS
    }
    for part, count in enumerate((size.train_ids, size.test_ids)):
        people = build.population(count, part)
        for identity, person in enumerate(people):
            mean = TEST_CROPS if part else size.crops
            number = max(5, int(rng.poisson(mean)))
            cameras = shuffled_cameras(rng, NUM_CAMERAS, number)
            for index, camera in enumerate(cameras):
                split = _split(part, index, cameras)
                name = file_name(version, identity, index, camera)
                file = f'{folder[split]}/{name}'
                specs[file] = crop_spec(build, file, camera, person, people)
                lists[split][file] = (identity, camera)
    build.render(specs)
    for split, crops in lists.items():
        add_truth(build, split, crops)
        if version != 'market':
            _write_list(build, split, crops)
    truth = build.truth
    truth.facts['num_train_identities'] = size.train_ids
    truth.add_trap('identities restart at 0 in test', folder['gallery'])
    if version != 'market':
        truth.add_trap(
            'validation crops lie in the train folder', 'list_val.txt'
        )


def _write_list(
    build: Build, split: str, crops: dict[str, tuple[int, int]]
) -> None:
    lines = [
        f'{file.split("/", 1)[1]} {identity}\n'
        for file, (identity, _) in crops.items()
    ]
    (build.root / f'list_{split}.txt').write_text(''.join(lines))
