"""A folder of tiny crops whose colour tells which crop it is."""

import json
from pathlib import Path

from PIL import Image


def crop_set(
    root: Path, per_identity: list[int], name: str = 'crops', **metainfo
) -> str:
    """Crops of identity 0, 1, ...: as many as given; returns ann_file."""
    (root / 'images').mkdir(parents=True)
    data_list = []
    for person_id, count in enumerate(per_identity):
        for _ in range(count):
            k = len(data_list)
            path = f'images/{person_id}_{k}.png'
            Image.new('RGB', (8, 16), (k, person_id, 200)).save(root / path)
            instance = dict(bbox=[0, 0, 8, 16], instance_id=person_id)
            data_list.append(
                dict(
                    img_id=k,
                    img_path=path,
                    width=8,
                    height=16,
                    instances=[instance],
                )
            )
    meta = dict(
        dataset=name,
        source=name,
        num_identities=len(per_identity),
        **metainfo,
    )
    (root / 'train.json').write_text(
        json.dumps(dict(metainfo=meta, data_list=data_list))
    )
    return str(root / 'train.json')


def crop_config(root: Path, per_identity: list[int], **options) -> dict:
    """Config of a ReIDCropDataset of such crops."""
    name = options.pop('name', 'crops')
    return dict(
        type='ReIDCropDataset',
        ann_file=crop_set(root, per_identity, name),
        data_root=str(root),
        pipeline=[dict(type='LoadImageFromFile')],
        **options,
    )
