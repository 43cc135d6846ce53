"""CUHK03: an HDF5 (MATLAB 7.3) file of image references, and protocols.

MATLAB stores arrays column by column, so every array appears transposed:
a cell of (identities, 10) is read as (10, identities), an image of (H, W, 3)
as (3, W, H).
"""

from pathlib import Path

import cv2
import numpy as np

from ..build import Build
from ..crop import CropSpec
from .matlab import cell, save
from .reid_names import crop_spec

PAIRS, VIEW_SLOTS, VIEWS = 2, 5, 2
KINDS = ('labeled', 'detected')
MATLAB_HEADER = b'MATLAB 7.3 MAT-file, synthetic data'
MATLAB_VERSION = b'\x00\x02IM'
USER_BLOCK = 512  # bytes MATLAB keeps for its header
EMPTY = np.zeros(2, np.uint64)  # how MATLAB 7.3 stores `[]`
MISSING_SLOT = 4  # every third person lacks its fifth picture


def _name(pair: int, person: int, slot: int) -> str:
    """pair_person_view_image, all 1-based."""
    view = slot // VIEW_SLOTS + 1
    return f'{pair + 1}_{person + 1:03d}_{view}_{slot + 1:02d}.png'


def _slots(person: int) -> list[int]:
    every = range(VIEW_SLOTS * VIEWS)
    return [s for s in every if person % 3 or s != MISSING_SLOT]


def write(build: Build) -> None:
    """Draw CUHK03: the HDF5 file of labelled and detected crops."""
    size = build.size
    total = size.train_ids + size.test_ids
    people = build.population(total)
    per_pair = -(-total // PAIRS)
    places = [(index // per_pair, index % per_pair) for index in range(total)]
    specs: dict[str, CropSpec] = {}
    for index, (pair, person) in enumerate(places):
        for kind in KINDS:
            for slot in _slots(person):
                file = f'{kind}/{_name(pair, person, slot)}'
                camera = 2 * pair + slot // VIEW_SLOTS + 1
                specs[file] = crop_spec(
                    build,
                    file,
                    camera,
                    people[index],
                    people,
                    sloppiness=0.02 if kind == 'labeled' else 0.08,
                )
    build.render(specs)
    _write_hdf5(build.root, places)
    for kind in KINDS:
        _write_protocol(build, kind, places)
    truth = build.truth
    truth.facts['num_train_identities'] = size.train_ids
    truth.add_trap('HDF5 file that loadmat cannot read', 'cuhk-03.mat')
    truth.add_trap('empty image cell', _name(*places[0], MISSING_SLOT))
    truth.add_trap(
        'protocol indices start at 1',
        'cuhk03_new_protocol_config_labeled.mat',
    )


def _write_hdf5(root: Path, places: list[tuple[int, int]]) -> None:
    """cuhk-03.mat; it takes the rendered files in."""
    import h5py

    path = root / 'cuhk-03.mat'
    with h5py.File(path, 'w', userblock_size=USER_BLOCK) as file:
        empty = file.create_dataset('#refs#/empty', data=EMPTY)
        empty.attrs['MATLAB_empty'] = np.uint8(1)
        for kind in KINDS:
            pairs = np.empty((1, PAIRS), h5py.ref_dtype)
            for pair in range(PAIRS):
                own = [person for p, person in places if p == pair]
                grid = np.empty((VIEW_SLOTS * VIEWS, len(own)), h5py.ref_dtype)
                grid[:] = empty.ref
                for person in own:
                    for slot in _slots(person):
                        name = _name(pair, person, slot)
                        image = cv2.imread(str(root / kind / name))
                        stored = file.create_dataset(
                            f'#refs#/{kind}_{name[:-4]}',
                            data=image[..., ::-1].transpose(2, 1, 0),
                        )
                        grid[slot, person] = stored.ref
                stored = file.create_dataset(
                    f'#refs#/{kind}_{pair}', data=grid, dtype=h5py.ref_dtype
                )
                pairs[0, pair] = stored.ref
            file.create_dataset(kind, data=pairs, dtype=h5py.ref_dtype)
        tests = np.empty((1, 2), h5py.ref_dtype)
        for index in range(2):  # the classic protocol's random test sets
            chosen = np.array(places[index::4], float).T + 1
            stored = file.create_dataset(f'#refs#/test_{index}', data=chosen)
            tests[0, index] = stored.ref
        file.create_dataset('testsets', data=tests, dtype=h5py.ref_dtype)
    for kind in KINDS:
        for image_file in (root / kind).iterdir():
            image_file.unlink()
        (root / kind).rmdir()
    with open(path, 'r+b') as raw:
        raw.write(MATLAB_HEADER.ljust(124) + MATLAB_VERSION)


def _write_protocol(
    build: Build, kind: str, places: list[tuple[int, int]]
) -> None:
    """The new protocol: whole identities are in training or in test."""
    names, labels, cameras = [], [], []
    parts: dict[str, list[int]] = {'train': [], 'query': [], 'gallery': []}
    for index, (pair, person) in enumerate(places):
        for slot in _slots(person):
            names.append(_name(pair, person, slot))
            labels.append(index + 1)
            cameras.append(slot // VIEW_SLOTS + 1)
            train = index < build.size.train_ids
            first = slot % VIEW_SLOTS == 0
            part = 'train' if train else 'query' if first else 'gallery'
            parts[part].append(len(names))
    save(
        build.root / f'cuhk03_new_protocol_config_{kind}.mat',
        filelist=cell(names),
        labels=np.array([labels], float).T,
        camId=np.array([cameras], float).T,
        **{f'{part}_idx': np.array([rows]).T for part, rows in parts.items()},
    )
    for part, rows in parts.items():
        for row in rows:
            build.truth.add_image(
                f'{kind}/{names[row - 1]}',
                part,
                [{'id': labels[row - 1]}],
                camera=cameras[row - 1],
            )
