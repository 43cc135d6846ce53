"""Annotation files: the prepared form, COCO's with identities, crop indices.

They may be written by anybody, so every value that is used is checked here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

from .crop_index import CropIndex
from .native.errors import NativeDataError
from .native.files import read_text
from .native.json_entries import Entry, belonging, by_id, parse_json

PREPARE = 'make it with "python tools/prepare_data.py NAME ROOT"'
REMEDY = 'correct the entry or leave it out'
# Index files are short: they name the arrays that lie beside them.
LARGEST_INDEX = 1 << 20


@dataclass
class AnnotationFile:
    """What an annotation file holds.

    Args:
        metainfo (dict): ``source``, ``num_identities`` and what else the
            file says of itself.
        data_list (list[dict]): One entry per image, with ``img_id``,
            ``img_path``, ``instances`` and, where the file says it,
            ``height`` and ``width`` in pixels. An instance has ``bbox``
            (four numbers xyxy, pixels; crops have none), ``bbox_label`` 0,
            ``ignore_flag`` 0 or 1 and ``instance_id``, -1 for unlabelled.
        left_out (list[str]): One line for every kind of thing left out.
    """

    metainfo: dict
    data_list: list[dict]
    left_out: list[str] = field(default_factory=list)


def load_annotations(ann_file: str) -> tuple[dict, list[dict]]:
    """Metainfo and data list of an annotation file.

    See :func:`read_annotation_file` and :class:`AnnotationFile`.
    """
    held = read_annotation_file(ann_file)
    return held.metainfo, held.data_list


def read_annotation_file(ann_file: str) -> AnnotationFile:
    """Read an annotation file: a prepared one, or COCO's with identities.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: The file is missing or damaged, or an entry lacks
            something; file and entry are named.
    """
    document = _read_document(ann_file)
    keys = set(document.value) if isinstance(document.value, dict) else set()
    if {'metainfo', 'data_list'} <= keys:
        held = _from_prepared(document)
    elif {'images', 'annotations'} <= keys:
        held = _from_coco(document)
    elif 'crops' in keys:
        raise UserError(
            f'{ann_file}: a compact list of crops, which only '
            'ReIDCropDataset reads: use that, or name another file'
        )
    else:
        raise UserError(
            f'{ann_file}: neither an annotation file of this '
            f'project nor a COCO one: {PREPARE}'
        )
    held.metainfo = _with_source(held.metainfo, ann_file)
    return held


def load_crops(ann_file: str) -> tuple[dict, CropIndex] | None:
    """Read an index file of crops.

    Returns:
        tuple[dict, CropIndex]: Its metainfo and its crops; None where the
        file is missing or no index file.

    Raises:
        UserError: An array that it names is missing or damaged.
    """
    path = Path(ann_file)
    if not os.path.isfile(path) or path.stat().st_size > LARGEST_INDEX:
        return None
    try:
        document = _read_document(ann_file)
    except NativeDataError:
        return None
    if not isinstance(document.value, dict) or 'crops' not in document.value:
        return None
    metainfo = _with_source(_metainfo(document['metainfo']), ann_file)
    arrays = document['crops']
    files = {name: arrays[name].text() for name in arrays.fields()}
    return metainfo, CropIndex.load(path.parent, files)


def _read_document(ann_file: str) -> Entry:
    if not os.path.isfile(ann_file):
        raise FileNotFoundError(
            f'{ann_file}: no such annotation file: {PREPARE}'
        )
    return parse_json(read_text(ann_file, PREPARE), ann_file, remedy=REMEDY)


def _metainfo(entry: Entry) -> dict:
    """A file's own words about itself, of the kinds that are relied on."""
    plain = {name: entry.value[name] for name in entry.fields() if entry[name]}
    for name in {'source', 'domain', 'dataset', 'storage'} & set(plain):
        entry[name].text()
    count = entry['num_identities']
    if count:
        plain['num_identities'] = count.integer()
        if count.integer() < 0:
            raise count.error('no number of identities')
    return plain


def _with_source(metainfo: dict, ann_file: str) -> dict:
    """A file's metainfo, which always names the source of its images.

    Version 0.1 wrote it as ``domain``; files of other projects may not name
    it at all.
    """
    metainfo = dict(metainfo)
    unnamed = metainfo.get('dataset', Path(ann_file).stem)
    former = metainfo.pop('domain', unnamed)
    return {'source': former, **metainfo}


def _from_prepared(document: Entry) -> AnnotationFile:
    data_list = []
    for k, image in enumerate(document['data_list'].items()):
        plain = dict(
            img_id=image['img_id'].key() if image['img_id'] else k,
            img_path=image['img_path'].text(),
            instances=[_settled(i) for i in image['instances'].items()],
            **_size(image),
        )
        others = set(image.fields()) - {'height', 'width'} - set(plain)
        plain.update((name, image.value[name]) for name in sorted(others))
        data_list.append(plain)
    return AnnotationFile(_metainfo(document['metainfo']), data_list)


def _settled(instance: Entry) -> dict:
    """An instance of the prepared form; the box of a crop may be absent."""
    plain = dict(instance.value) if instance.fields() else {}
    plain.pop('bbox', None)
    if instance['bbox']:
        plain['bbox'] = _plain(instance['bbox'])
    return dict(
        plain,
        bbox_label=0,
        ignore_flag=int(instance['ignore_flag'].flag()),
        instance_id=instance['instance_id'].person_id(),
    )


def _from_coco(document: Entry) -> AnnotationFile:
    """COCO's form, with ``person_id`` where the person is known.

    Negative identities (-1 and -2 are both in use) mean unlabelled, crowd
    boxes are ignored. The order of the images is kept, since results of
    published code count on it.
    """
    images = by_id(document['images'])
    instances: dict[int | str, list] = {key: [] for key in images}
    persons = _person_categories(document)
    others = 0
    for row in document['annotations'].items():
        if persons is not None and row['category_id'].key() not in persons:
            others += 1
            continue
        belonging(row, instances).append(_instance(row))
    data_list = [
        dict(
            img_id=k,
            img_path=image['file_name'].text(),
            **_size(image),
            instances=instances[key],
        )
        for k, (key, image) in enumerate(images.items())
    ]
    left_out = []
    if others:
        left_out.append(f'{others} boxes of other categories than person')
    ids = known_identities(data_list)
    # Contiguous ids from 0 are training ids; others are a test file's.
    contiguous = ids.tolist() == list(range(len(ids)))
    metainfo = dict(num_identities=len(ids) if contiguous else 0)
    return AnnotationFile(metainfo, data_list, left_out)


def _person_categories(document: Entry) -> set | None:
    """Categories of persons; None where every box is one."""
    if not document['categories']:
        return None
    names = {
        category['id'].key(): category['name'].text()
        for category in document['categories'].items()
    }
    persons = {key for key, name in names.items() if name.lower() == 'person'}
    return persons if persons and len(names) > 1 else None


def _instance(row: Entry) -> dict:
    x, y, width, height = _plain(row['bbox'])
    return dict(
        bbox=[x, y, x + width, y + height],
        bbox_label=0,
        ignore_flag=int(row['iscrowd'].flag()),
        instance_id=row['person_id'].person_id(),
    )


def _plain(entry: Entry) -> list:
    """A box as the four numbers of the file, whole ones whole."""
    entry.box()
    return entry.value


def _size(image: Entry) -> dict[str, int]:
    """Height and width, where the file says both."""
    if not (image['height'] and image['width']):
        return {}
    return {key: image[key].size() for key in ('height', 'width')}


def known_identities(data_list: list[dict]) -> np.ndarray:
    """All identities of a data list, ascending, each once."""
    ids = {i['instance_id'] for info in data_list for i in info['instances']}
    return np.array(sorted(ids - {UNLABELLED}), np.int64)


def check_identities(
    ids: np.ndarray, num_identities: int, ann_file: str
) -> None:
    """Refuse training on identities that a memory has no row for.

    Args:
        ids (np.ndarray): All identities of the file, ascending, each once.
        num_identities (int): How many the file says it has.
        ann_file (str): The file.

    Raises:
        UserError: An identity lies beyond 0 to ``num_identities`` - 1.
    """
    if len(ids) and ids[-1] >= num_identities:
        announced = (
            f'num_identities={num_identities}'
            if num_identities
            else ('no num_identities')
        )
        raise UserError(
            f'{ann_file}: its {len(ids)} identities run from {ids[0]} to '
            f'{ids[-1]} (the file has {announced}), training needs 0 to '
            f'{len(ids) - 1}: renumber them, or set '
            'renumber_identities=True in the dataset'
        )


def renumber(ids: np.ndarray, data_list: list[dict]) -> None:
    """Number identities from 0 in ascending order, in place.

    Args:
        ids (np.ndarray): The identities to number, (K,), ascending; all
            others become unlabelled.
        data_list (list[dict]): The images; changed.
    """
    place = {int(person_id): k for k, person_id in enumerate(ids)}
    for info in data_list:
        for instance in info['instances']:
            instance['instance_id'] = place.get(
                instance['instance_id'], UNLABELLED
            )


def drop_flat_boxes(data_list: list[dict]) -> list[str]:
    """Drop boxes that have no area within their image, in place.

    RoI features of such a box are not numbers, and no detector finds it.

    Args:
        data_list (list[dict]): Images with ``height`` and ``width``.

    Returns:
        list[str]: Image and box of each box that was dropped.
    """
    dropped = []
    for info in data_list:
        boxes = [i['bbox'] for i in info['instances'] if 'bbox' in i]
        if not boxes:
            continue
        size = [info['width'], info['height']] * 2
        cut = np.clip(np.array(boxes, np.float64), 0, size)
        if (cut[:, 2:] > cut[:, :2]).all():
            continue
        kept = []
        for instance in info['instances']:
            x1, y1, x2, y2 = instance.get('bbox', [0, 0, *size[:2]])
            if min(x2, size[0]) > max(x1, 0) and min(y2, size[1]) > max(y1, 0):
                kept.append(instance)
            else:
                dropped.append(f'{info["img_path"]} {instance["bbox"]}')
        info['instances'] = kept
    return dropped
