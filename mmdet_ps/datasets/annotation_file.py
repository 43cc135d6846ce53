"""Annotation files, in the prepared form and in COCO's with identities."""

from __future__ import annotations

import json
from pathlib import Path

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

PREPARE = 'make it with "python tools/prepare_data.py NAME ROOT"'


def load_annotations(ann_file: str) -> tuple[dict, list[dict]]:
    """Metainfo and data list of an annotation file of either form."""
    document = _load(ann_file)
    if isinstance(document, dict) and {'metainfo', 'data_list'} <= set(
        document
    ):
        metainfo, data_list = document['metainfo'], document['data_list']
    elif isinstance(document, dict) and {'images', 'annotations'} <= set(
        document
    ):
        metainfo, data_list = from_coco(document, ann_file)
    elif isinstance(document, dict) and 'crops' in document:
        raise UserError(
            f'{ann_file}: a compact list of crops, which only '
            'ReIDCropDataset reads: use that, or name another file'
        )
    else:
        raise UserError(
            f'{ann_file}: neither an annotation file of this '
            f'project nor a COCO one: {PREPARE}'
        )
    return with_source(metainfo, ann_file), data_list


def with_source(metainfo: dict, ann_file: str) -> dict:
    """A file's metainfo, which always names the source of its images.

    Version 0.1 wrote it as ``domain``; files of other projects may not name
    it at all.
    """
    metainfo = dict(metainfo)
    unnamed = metainfo.get('dataset', Path(ann_file).stem)
    former = metainfo.pop('domain', unnamed)
    return {'source': former, **metainfo}


def _load(ann_file: str) -> object:
    try:
        with open(ann_file) as file:
            return json.load(file)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{ann_file}: no such annotation file: {PREPARE}'
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f'{ann_file}: not valid JSON ({error}): {PREPARE}'
        ) from None


def from_coco(document: dict, ann_file: str) -> tuple[dict, list[dict]]:
    """COCO's form, with ``person_id`` where the person is known.

    Negative identities (-1 and -2 are both in use) mean unlabelled, crowd
    boxes are ignored. The order of the images is kept, since results of
    published code count on it.
    """
    instances: dict = {image['id']: [] for image in document['images']}
    for k, row in enumerate(document['annotations']):
        if row.get('image_id') not in instances:
            raise UserError(
                f'{ann_file}: annotations[{k}] belongs to no '
                f'image (image_id {row.get("image_id")}): '
                'correct it or leave it out'
            )
        instances[row['image_id']].append(_instance(row))
    data_list = [
        dict(
            img_id=k,
            img_path=image['file_name'],
            height=image['height'],
            width=image['width'],
            instances=instances[image['id']],
        )
        for k, image in enumerate(document['images'])
    ]
    ids = {i['instance_id'] for rows in instances.values() for i in rows}
    known = sorted(ids - {UNLABELLED})
    # Contiguous ids from 0 are training ids; others are a test file's.
    contiguous = known == list(range(len(known)))
    return dict(num_identities=len(known) if contiguous else 0), data_list


def _instance(row: dict) -> dict:
    x, y, width, height = row['bbox']
    person_id = row.get('person_id', UNLABELLED)
    return dict(
        bbox=[x, y, x + width, y + height],
        bbox_label=0,
        ignore_flag=int(row.get('iscrowd', 0)),
        instance_id=max(int(person_id), UNLABELLED),
    )
