"""Small native trees, written as the real files are stored.

Each builder writes a tree and returns what a reader must find in it.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat


def save_image(path: Path, width: int = 200, height: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (width, height), (90, 120, 150)).save(path)


def struct_array(rows: list[dict]) -> np.ndarray:
    """A MATLAB struct array (1, n)."""
    if not rows:
        return np.zeros((1, 0))
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for k, row in enumerate(rows):
        for name, value in row.items():
            array[0, k][name] = value
    return array


def cell_column(items: list) -> np.ndarray:
    """A MATLAB cell array (n, 1)."""
    column = np.empty((len(items), 1), object)
    for k, item in enumerate(items):
        column[k, 0] = item
    return column


def smallest(box: list[int]) -> np.ndarray:
    """A box in the smallest unsigned type that fits, like the real files."""
    return np.array([box], np.uint8 if max(box) < 256 else np.uint16)


ABSENT = np.zeros((1, 0))


def place(name: str, box: list[int] | None) -> dict:
    located = ABSENT if box is None else smallest(box)
    hard = ABSENT if box is None else np.array([[0]], np.uint8)
    return dict(imname=name, idlocate=located, ishard=hard)


# image -> boxes xywh; s3 holds a box without area and nobody labelled
CUHK_BOXES = {
    's1.jpg': [[10, 10, 40, 80], [100, 5, 60, 90]],
    's2.jpg': [[120, 10, 50, 85]],
    's3.jpg': [[5, 5, 0, 30], [20, 20, 30, 60]],
    's10.jpg': [[1, 1, 12, 34], [150, 10, 50, 90]],
    's11.jpg': [[30, 10, 40, 80], [90, 10, 40, 80]],
    's12.jpg': [[60, 12, 40, 80]],
}
CUHK_POOL = ['s11.jpg', 's10.jpg', 's12.jpg']
CUHK_TRAIN = [
    [('s1.jpg', [100, 5, 60, 90]), ('s2.jpg', [120, 10, 50, 85])],
    [('s1.jpg', [10, 10, 40, 80])],
]
CUHK_QUERIES = [
    (('s10.jpg', [1, 1, 12, 34]),
     [('s11.jpg', [30, 10, 40, 80]), ('s12.jpg', None)]),
    (('s11.jpg', [90, 10, 40, 80]),
     [('s12.jpg', [60, 12, 40, 80]), ('s12.jpg', [60, 12, 40, 80]),
      ('s11.jpg', [90, 10, 40, 80]), ('s10.jpg', None)]),
]  # fmt: skip
# image of the test set -> (boxes xyxy, ids)
CUHK_TRUTH = {
    's11.jpg': ([[30, 10, 70, 90], [90, 10, 130, 90]], [0, 1]),
    's10.jpg': ([[1, 1, 13, 35], [150, 10, 200, 100]], [0, -1]),
    's12.jpg': ([[60, 12, 100, 92]], [1]),
}


def cuhk_sysu(root: Path, sizes: tuple[int, ...] = (50,)) -> Path:
    for name in CUHK_BOXES:
        save_image(root / 'Image/SSM' / name)
    folder = root / 'annotation/test/train_test'
    folder.mkdir(parents=True)
    images = [
        dict(
            imname=name,
            nAppear=len(boxes),
            box=struct_array(
                [dict(idlocate=smallest(b), ishard=0) for b in boxes]
            ),
        )
        for name, boxes in CUHK_BOXES.items()
    ]
    savemat(root / 'annotation/Images.mat', {'Img': struct_array(images)})
    savemat(root / 'annotation/pool.mat', {'pool': cell_column(CUHK_POOL)})
    train = [
        struct_array(
            [
                dict(
                    idname=f'p{9 - k}',
                    nAppear=len(scenes),
                    scene=struct_array([place(*s) for s in scenes]),
                )
            ]
        )
        for k, scenes in enumerate(CUHK_TRAIN)
    ]
    savemat(folder / 'Train.mat', {'Train': cell_column(train)})
    tests = [
        dict(
            Query=struct_array([dict(place(*query), idname='p1')]),
            Gallery=struct_array([place(*item) for item in gallery]),
        )
        for query, gallery in CUHK_QUERIES
    ]
    for size in sizes:
        savemat(
            folder / f'TestG{size}.mat', {f'TestG{size}': struct_array(tests)}
        )
    return root


# frame -> rows [id, x, y, w, h]
PRW_TRAIN = {
    'c1s1_000001': [[478, 10.5, 5.25, 30, 60], [-2, 80, 5, 30, 70]],
    'c2s1_000026': [[480, -1.7030, 5.5, 30.25, 60], [932, 150, 20, 40, 85]],
    'c6s1_000051': [[932, 20, 5, 30, 60]],
}
PRW_TEST = {
    'c3s1_000076': [[933, 10, 5, 30, 60], [1, 60, 5, 30, 60]],
    'c1s1_000101': [[933, 40, 5, 30, 60], [-2, 90, 5, 30, 60]],
    'c1s1_000126': [[479, 40, 5, 30, 60]],
    'c2s1_000151': [[479, 42.5, 5, 30, 60]],
}
PRW_TRAIN_IDS = [1, 478, 480, 932]
PRW_TEST_IDS = [479, 933]
PRW_QUERIES = [
    '933 10.0000 5.0000 30.0000 60.0000 c3s1_000076',
    '933 40.0000 5.0000 30.0000 60.0000 c1s1_000101',
    '479 40.0000 5.0000 30.0000 60.0000 c1s1_000126',
    '479 42.5000 5.0000 30.0000 60.0000 c2s1_000151',
]


def prw(root: Path, line_end: str = '\r\n') -> Path:
    (root / 'annotations').mkdir(parents=True)
    keys = ('box_new', 'anno_file', 'anno_previous')
    for k, (stem, rows) in enumerate({**PRW_TRAIN, **PRW_TEST}.items()):
        save_image(root / f'frames/{stem}.jpg')
        savemat(
            root / f'annotations/{stem}.jpg.mat',
            {keys[k % 3]: np.array(rows, np.float64)},
            appendmat=False,
        )
    for split, frames in (('train', PRW_TRAIN), ('test', PRW_TEST)):
        savemat(
            root / f'frame_{split}.mat',
            {f'img_index_{split}': cell_column(list(frames))},
        )
    savemat(root / 'ID_train.mat', {'ID_train': [PRW_TRAIN_IDS]})
    savemat(root / 'ID_test.mat', {'ID_test2': [PRW_TEST_IDS]})
    (root / 'query_info.txt').write_bytes(line_end.join(PRW_QUERIES).encode())
    return root


def posetrack21(root: Path) -> Path:
    folder = root / 'posetrack_person_search'
    folder.mkdir(parents=True)

    def image(split: str, frame: int, **extra) -> dict:
        name = f'images/{split}/000001_x/{frame:06d}.jpg'
        save_image(root / name)
        return dict(file_name=name, id=100 + frame, **extra)

    def person(frame: int, person_id: int, box: list) -> dict:
        return dict(image_id=100 + frame, person_id=person_id, bbox=box)

    train = dict(
        images=[
            image('train', 0, ignore_regions_x=[[0, 9, 9]],
                  ignore_regions_y=[[0, 0, 20]]),
            image('train', 1),
            image('train', 2, ignore_regions_x=[5, 25, 25],
                  ignore_regions_y=[5, 5, 30]),
        ],
        annotations=[person(0, 40, [20, 10, 30.5, 60]),
                     person(0, 11, [80, 10, 30, 60]),
                     person(2, 40, [22, 10, 30, 60]),
                     person(2, -1, [90, 10, 30, 60])])  # fmt: skip
    val = dict(
        images=[image('val', 5), image('val', 4), image('val', 6)],
        annotations=[person(5, 0, [20, 10, 30, 60]),
                     person(4, 0, [30, 10, 30, 60]),
                     person(6, 11, [30, 10, 30, 60])])  # fmt: skip
    query = dict(
        images=[val['images'][0], val['images'][2]],
        annotations=[val['annotations'][0], val['annotations'][2],
                     person(5, 11, [120, 10, 30, 60])])  # fmt: skip
    for name, content in (('train', train), ('val', val), ('query', query)):
        (folder / f'{name}.json').write_text(json.dumps(content))
    return root


def crowdhuman(root: Path) -> Path:
    lines = {
        'train': [
            dict(ID='1,a', gtboxes=[
                dict(tag='person', fbox=[-20, 10, 60, 80], head_attr={},
                     extra={'box_id': 0}),
                dict(tag='mask', fbox=[100, 0, 50, 50], head_attr={},
                     extra={'ignore': 1})]),
            dict(ID='2,b', gtboxes=[
                dict(tag='person', fbox=[10, 10, 30, 70], extra={},
                     head_attr={'ignore': 1}),
                dict(tag='person', fbox=[60, 10, 30, 200],
                     extra={'ignore': 1})])],
        'val': [dict(ID='3,c', gtboxes=[
            dict(tag='person', fbox=[10, 10, 30, 70])])],
    }  # fmt: skip
    for split, entries in lines.items():
        for entry in entries:
            save_image(root / f'Images/{entry["ID"]}.jpg')
        (root / f'annotation_{split}.odgt').write_text(
            '\n'.join(map(json.dumps, entries))
        )
    return root


def market1501(root: Path, prefix: str = '') -> Path:
    names = {
        'bounding_box_train': ['0002_c1s1_000451_03', '0002_c2s1_000401_01',
                               '0007_c6s3_000001_01'],
        'query': ['0003_c1s1_000051_00'],
        'bounding_box_test': ['-1_c1s1_000401_03', '0000_c2s1_000101_01',
                              '0003_c3s1_000151_01'],
    }  # fmt: skip
    for folder, stems in names.items():
        for stem in stems:
            save_image(root / prefix / folder / f'{stem}.jpg', 64, 128)
        (root / prefix / folder / 'Thumbs.db').write_text('not an image')
    return root


def msmt17(root: Path, train: str = 'train', test: str = 'test') -> Path:
    lists = {
        'train': ['0000/0000_000_01_0303morning_0008_0.jpg 0'],
        'val': ['0001/0001_000_14_0303noon_0002_1.jpg 1'],
        'query': ['0000/0000_000_03_0113morning_0008_0.jpg 0'],
        'gallery': ['0000/0000_001_05_0113morning_0009_0.jpg 0'],
    }
    for name, lines in lists.items():
        folder = train if name in ('train', 'val') else test
        for line in lines:
            save_image(root / folder / line.split()[0], 64, 128)
        (root / f'list_{name}.txt').write_text('\n'.join(lines) + '\n')
    return root
