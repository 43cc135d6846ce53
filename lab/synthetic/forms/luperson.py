"""LUPerson: crops of unknown persons, as files and as an LMDB."""

import pickle
import shutil

from ..build import Build
from ..crop import CropSpec
from .reid_names import crop_spec

CITIES = (('cn', 'beijing'), ('us', 'boston'))
VIDEOS = 2
MAP_SIZE = 1 << 26
MAP_SIZE_LARGE = 1 << 36


def _place(index: int) -> tuple[int, int, int]:
    """(city, video, frame) a crop comes from."""
    return index % len(CITIES), index // 2 % VIDEOS, index // 4


def _file(index: int) -> str:
    city, video, frame = _place(index)
    country, name = CITIES[city]
    return f'luperson/{country}/{name}/video{video}/{frame:08d}_0000.jpg'


def _key(index: int) -> str:
    city, video, frame = _place(index)
    return f'{city:02d}_{city:02d}_{video:04d}_{frame:08d}'


def write(build: Build) -> None:
    """Draw LUPerson: crops as files, and as LMDB where it is installed."""
    size = build.size
    people = build.population(size.train_ids)
    count = size.train_ids * size.crops
    specs: dict[str, CropSpec] = {}
    for index in range(count):
        city, video, _ = _place(index)
        specs[_file(index)] = crop_spec(
            build,
            _file(index),
            2 * city + video + 1,
            people[index % len(people)],
            people,
        )
    build.render(specs)
    for index in range(count):
        build.truth.add_image(_file(index), 'train', [], key=_key(index))
    build.truth.add_trap('crops without identity', 'all')
    build.truth.facts['lmdb'] = _write_lmdb(build, count)


def _write_lmdb(build: Build, count: int) -> bool:
    """JPEG bytes by key, and the list of keys; False without lmdb."""
    try:
        import lmdb
    except ImportError:
        return False
    folder = build.root / 'lmdb'
    shutil.rmtree(folder, ignore_errors=True)
    size = MAP_SIZE if count < 10000 else MAP_SIZE_LARGE
    keys = [_key(index) for index in range(count)]
    store = lmdb.open(str(folder), map_size=size, lock=False)
    with store, store.begin(write=True) as writing:
        for index, key in enumerate(keys):
            data = (build.root / _file(index)).read_bytes()
            writing.put(key.encode(), data)
    with open(build.root / 'keys.pkl', 'wb') as file:
        pickle.dump(keys, file, protocol=4)
    return True
