"""Small native trees of the detection and re-ID sets for pre-training."""

import json
import pickle
from pathlib import Path

import numpy as np
from scipy.io import savemat

from .native_trees import cell_column, save_image, struct_array


def coco(root: Path) -> Path:
    for source in ('train2017', 'val2017'):
        annotations = [
            dict(image_id=1, category_id=1, bbox=[10.5, 5, 30, 60], iscrowd=0),
            dict(image_id=1, category_id=1, bbox=[0, 0, 90, 50], iscrowd=1),
            dict(image_id=1, category_id=3, bbox=[5, 5, 20, 20], iscrowd=0),
            dict(image_id=1, category_id=1, bbox=[5, 5, 0.4, 9], iscrowd=0),
            dict(image_id=2, category_id=1, bbox=[0, 0, 90, 50], iscrowd=1),
        ]
        images = [
            dict(id=k, file_name=f'{k:012}.jpg', width=200, height=100)
            for k in (2, 1, 3)
        ]
        for image in images:
            save_image(root / source / image['file_name'])
        categories = [dict(id=1, name='person'), dict(id=3, name='car')]
        path = root / f'annotations/instances_{source}.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps(
                dict(
                    images=images,
                    annotations=annotations,
                    categories=categories,
                )
            )
        )
    return root


def citypersons(root: Path) -> Path:
    (root / 'annotations').mkdir(parents=True)
    frames = [
        ('aachen', np.array([[1, 20, 10, 30, 60, 7, 20, 10, 30, 60],
                             [0, 100, 0, 80, 50, 0, 100, 0, 80, 50]],
                            np.uint8)),
        ('bonn', np.zeros((0, 0))),
        ('bonn', np.array([[1, -14, 10, 40, 70, 9, 0, 10, 26, 70],
                           [1, 60, 10, 20, 40, 8, 60, 10, 20, 40],
                           [2, 90, 10, 30, 60, 6, 90, 10, 30, 60]],
                          np.int16)),
    ]  # fmt: skip
    for source in ('train', 'val'):
        cells = []
        for k, (city, rows) in enumerate(frames):
            name = f'{city}_{k:06}.png'
            save_image(root / f'leftImg8bit/{source}/{city}/{name}')
            cells.append(
                struct_array([dict(cityname=city, im_name=name, bbs=rows)])
            )
        savemat(
            root / f'annotations/anno_{source}.mat',
            {f'anno_{source}_aligned': cell_column(cells).T},
        )
    return root


def eurocity(root: Path) -> Path:
    def thing(identity, box, tags=(), children=()):
        keys = ('x0', 'y0', 'x1', 'y1')
        return dict(
            zip(keys, box),
            identity=identity,
            tags=list(tags),
            children=list(children),
        )

    bicycle = thing('bicycle', [100, 40, 140, 90])
    children = [
        thing('pedestrian', [10, 10, 40, 80], ['occluded>10']),
        thing('pedestrian', [50, 10, 70, 80], ['depiction']),
        thing('pedestrian', [75, 10, 80, 25]),
        thing('rider', [100, 10, 140, 80], children=[bicycle]),
        thing('person-group-far-away', [150, 10, 190, 40]),
        thing('bicycle-group', [0, 90, 20, 99]),
    ]
    for time, source in (('day', 'train'), ('night', 'train'), ('day', 'val')):
        save_image(root / time / f'img/{source}/bonn/bonn_00001.png')
        labels = root / time / f'labels/{source}/bonn'
        labels.mkdir(parents=True)
        frame = dict(
            identity='frame',
            imagewidth=200,
            imageheight=100,
            tags=[],
            children=children,
        )
        (labels / 'bonn_00001.json').write_text(json.dumps(frame))
    return root


def widerperson(root: Path) -> Path:
    (root / 'Annotations').mkdir(parents=True)
    rows = ['1 10 10 40 80', '3 50 -5 70 80', '4 100 0 150 50', '5 0 0 9 9']
    for source, stem in (('train', '000001'), ('val', '000002')):
        save_image(root / f'Images/{stem}.jpg')
        (root / f'{source}.txt').write_text(f'{stem}\n')
        (root / f'Annotations/{stem}.jpg.txt').write_text(
            '\n'.join([str(len(rows)), *rows]) + '\n'
        )
    (root / 'test.txt').write_text('000003\n')
    return root


# (pair, person) -> how many of its ten cells hold an image
CUHK03_PERSONS = {(1, 1): 3, (1, 2): 10, (2, 1): 7}
CUHK03_TEST = [(2, 1)]


def cuhk03_names() -> list[str]:
    names = []
    for (pair, person), count in CUHK03_PERSONS.items():
        for number in cuhk03_cells(count):
            view = 1 if number <= 5 else 2
            names.append(f'{pair}_{person:03}_{view}_{number:02}.png')
    return names


def cuhk03_cells(count: int) -> list[int]:
    """Numbers of the filled cells: both views, as in the real archive."""
    first = (count + 1) // 2
    return [*range(1, first + 1), *range(6, 6 + count - first)]


def cuhk03(root: Path) -> Path:
    import h5py

    root.mkdir(parents=True, exist_ok=True)
    reference = h5py.special_dtype(ref=h5py.Reference)
    with h5py.File(root / 'cuhk-03.mat', 'w') as archive:
        for kind in ('labeled', 'detected'):
            pairs = []
            for pair in (1, 2):
                persons = [p for q, p in CUHK03_PERSONS if q == pair]
                cells = np.empty((10, len(persons)), reference)
                for column, person in enumerate(persons):
                    filled = cuhk03_cells(CUHK03_PERSONS[pair, person])
                    for row in range(10):
                        # (3, W, H): MATLAB's order, seen from HDF5.
                        image = np.full((3, 8, 16), 60 * pair, np.uint8)
                        empty = np.zeros(2, np.uint64)
                        data = image if row + 1 in filled else empty
                        name = f'r/{kind}{pair}_{column}_{row}'
                        cells[row, column] = archive.create_dataset(
                            name, data=data
                        ).ref
                pairs.append(
                    archive.create_dataset(f'r/{kind}{pair}', data=cells).ref
                )
            archive.create_dataset(
                kind, data=np.array([pairs], reference), dtype=reference
            )
        tests = archive.create_dataset(
            'r/tests', data=np.array(CUHK03_TEST, np.float64).T
        )
        archive.create_dataset(
            'testsets', data=np.array([[tests.ref]], reference)
        )
    names = cuhk03_names()
    labels = [int(name.split('_')[0]) * 10 + int(name[2:5]) for name in names]
    train = [k + 1 for k, name in enumerate(names) if name[:5] != '2_001']
    test = [k + 1 for k, name in enumerate(names) if name[:5] == '2_001']
    for kind in ('labeled', 'detected'):
        savemat(
            root / f'cuhk03_new_protocol_config_{kind}.mat',
            dict(
                filelist=cell_column(names),
                labels=np.array(labels, np.uint8)[:, None],
                train_idx=np.array(train, np.uint8)[:, None],
                query_idx=np.array(test[:1], np.uint8)[:, None],
                gallery_idx=np.array(test[1:], np.uint8)[:, None],
            ),
        )
    return root


LUPERSON_KEYS = ['00_01_0002_00000003', '00_01_0002_00000004', '11_00_0001_9']


def luperson_lmdb(root: Path) -> Path:
    import io

    import lmdb
    from PIL import Image

    (root / 'lmdb').mkdir(parents=True)
    env = lmdb.open(str(root / 'lmdb'), map_size=1 << 20)
    with env.begin(write=True) as writing:
        for k, key in enumerate(LUPERSON_KEYS):
            image = io.BytesIO()
            Image.new('RGB', (8, 16), (k * 50, 0, 0)).save(image, 'PNG')
            writing.put(key.encode(), image.getvalue())
    env.close()
    (root / 'lmdb/keys.pkl').write_bytes(pickle.dumps(LUPERSON_KEYS))
    return root


def luperson_files(root: Path) -> Path:
    for name in ('us/ny/v1/00000001_0000', 'de/bonn/v0/00000002_0001'):
        save_image(root / f'{name}.jpg', 8, 16)
    return root


def cuhk_sysu_crops(root: Path) -> Path:
    for name in ('p11422_s16929_1', 'p7_s12_2', 'p7_s13_1'):
        save_image(root / f'cropped_images/{name}.jpg', 8, 16)
    return root


# What a gt.txt of MOT16 holds: frame, track, xywh, flag, class, visibility.
MOT_ROWS = [
    [1, 1, 10, 10, 20, 60, 1, 1, 1],
    [1, 2, 100, 20, 30, 70, 1, 1, 0.5],
    [2, 1, 14, 10, 20, 60, 1, 1, 1],
    [2, 7, 150, 10, 30, 60, 0, 3, 1],
]


def mot(root: Path) -> Path:
    """One sequence of MOT17 with three pictures, the last not labelled."""
    mot_sequence(root / 'MOT17-02-FRCNN', MOT_ROWS, pictures=[1, 2, 3])
    return root


def mot_sequence(
    folder: Path,
    rows: list,
    pictures: list[int] = (),
    info: dict | None = None,
    size: tuple[int, int] = (200, 100),
) -> Path:
    """Write gt.txt, seqinfo.ini and pictures of a sequence."""
    (folder / 'gt').mkdir(parents=True)
    lines = [','.join(f'{value:g}' for value in row) for row in rows]
    (folder / 'gt/gt.txt').write_text('\n'.join(lines) + '\n')
    info = dict(
        dict(
            name=folder.name,
            imDir='img1',
            frameRate=2,
            seqLength=len(pictures),
        ),
        **(info or {}),
    )
    settings = '\n'.join(f'{key}={value}' for key, value in info.items())
    (folder / 'seqinfo.ini').write_text(f'[Sequence]\n{settings}\n')
    for number in pictures:
        save_image(folder / f'img1/{number:06d}.jpg', *size)
    return folder
