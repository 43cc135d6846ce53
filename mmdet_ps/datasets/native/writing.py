"""Annotation files in the OpenMMLab 2.0 form, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from mmdet_ps.utils.files import write_json

from .records import ImageRecord, Split

FORMAT_VERSION = 1


def write_split(path: Path, split: Split, dataset: str, source: str) -> None:
    """Write a split as an annotation file.

    Args:
        path (Path): The file.
        split (Split): The split; compact ``crops`` are written as arrays
            beside the file.
        dataset (str): Name of the dataset.
        source (str): Name of the source of the images; that of the dataset,
            or a numbered one for a second folder of it.
    """
    metainfo = dict(
        classes=['person'],
        dataset=dataset,
        split=split.name,
        source=source,
        num_identities=split.num_identities,
        format_version=FORMAT_VERSION,
    )
    if split.crops is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        metainfo['storage'] = split.storage
        files = split.crops.save(path.parent, path.stem)
        write_json(path, dict(metainfo=metainfo, crops=files))
        return
    data_list = [_entry(k, r) for k, r in enumerate(split.records)]
    write_json(
        path,
        dict(metainfo=metainfo, data_list=data_list),
        separators=(',', ':'),
    )


def _entry(img_id: int, record: ImageRecord) -> dict:
    instances = [
        dict(
            bbox=[_short(v) for v in box],
            bbox_label=0,
            ignore_flag=int(ignored),
            instance_id=int(person_id),
        )
        for box, person_id, ignored in zip(
            record.boxes.tolist(), record.person_ids, record.ignored
        )
    ]
    return dict(
        img_id=img_id,
        img_path=record.img_path,
        height=record.height,
        width=record.width,
        **record.extra,
        instances=instances,
    )


def _short(value: float) -> float | int:
    """Integers without ".0", others to 1e-4 pixels (PRW's own precision)."""
    return int(value) if value == int(value) else round(value, 4)
