"""MSMT17: a folder per identity and list files; V1, V2 or Market-like."""

from ..build import Build
from ..crop import CropSpec
from .reid_names import add_truth, crop_spec, shuffled_cameras

NUM_CAMERAS = 15
TIMES = ('0113morning', '0303noon', '0302afternoon')
FOLDERS = {'V1': ('train', 'test'), 'V2': ('mask_train_v2', 'mask_test_v2')}
SPLITS = ('train', 'val', 'query', 'gallery')


def file_name(identity: int, index: int, camera: int) -> str:
    time = TIMES[(camera + index) % len(TIMES)]
    return (
        f'{identity:04d}/{identity:04d}_{index:03d}_{camera:02d}_'
        f'{time}_{index:04d}_0.jpg'
    )


def write(build: Build, version: str = 'V1') -> None:
    size, rng = build.size, build.rng('plan')
    train = build.population(size.train_ids, 'train')
    test = build.population(size.test_ids, 'test')
    folders = FOLDERS[version]
    specs: dict[str, CropSpec] = {}
    lists: dict[str, dict[str, tuple[int, int]]] = {
        split: {} for split in SPLITS
    }
    for part, people in enumerate((train, test)):
        for identity, person in enumerate(people):
            mean = size.crops if part == 0 else 8
            count = max(5, int(rng.poisson(mean)))
            cameras = shuffled_cameras(rng, NUM_CAMERAS, count)
            for index, camera in enumerate(cameras):
                name = file_name(identity, index, camera)
                first = cameras.index(camera) == index
                split = (
                    ('val' if index == count - 1 else 'train')
                    if part == 0
                    else 'query'
                    if first
                    else 'gallery'
                )
                file = f'{folders[part]}/{name}'
                specs[file] = crop_spec(build, file, camera, person, people)
                lists[split][file] = (identity, camera)
    build.render(specs)
    for split, crops in lists.items():
        add_truth(build, split, crops)
        lines = [
            f'{file.split("/", 1)[1]} {identity}\n'
            for file, (identity, _) in crops.items()
        ]
        (build.root / f'list_{split}.txt').write_text(''.join(lines))
    build.truth.facts['num_train_identities'] = size.train_ids
    build.truth.add_trap(
        'identities restart at 0 in the test folder', f'{folders[1]}/0000'
    )
    build.truth.add_trap(
        'crops of list_val.txt lie in the train folder', 'list_val.txt'
    )
