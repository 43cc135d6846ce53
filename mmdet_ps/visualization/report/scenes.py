"""Pictures of annotated scenes and of the persons in them."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..drawing import (
    GREEN,
    ORANGE,
    RED,
    crop_cell,
    draw_boxes,
    framed,
    identity_colour,
)
from ..search_picture import load_rgb


@dataclass
class Annotations:
    """Entries of an annotation file and the folder their paths start from.

    Args:
        images: Entries of ``data_list`` (OpenMMLab 2.0 form).
        root: Dataset folder.
    """

    images: list[dict]
    root: Path

    def path(self, image: dict) -> Path:
        """The file of an entry."""
        return Path(self.root) / image['img_path']

    def counts(self) -> dict[str, int]:
        """Numbers of ``images``, ``boxes``, ``labelled`` boxes and
        ``identities``."""
        boxes = [box for image in self.images for box in image['instances']]
        ids = [box['instance_id'] for box in boxes if box['instance_id'] >= 0]
        return dict(
            images=len(self.images),
            boxes=len(boxes),
            labelled=len(ids),
            identities=len(set(ids)),
        )


def annotated_scene(annotations: Annotations, image: dict) -> np.ndarray:
    """An image with every box and identity; ignored regions in black.

    Args:
        annotations: Annotation file that the image is of.
        image: Its entry in ``annotations.images``.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    persons = image['instances']
    names, colours = [], []
    for person in persons:
        ignored = person['ignore_flag']
        person_id = person['instance_id']
        names.append('' if person_id < 0 else str(person_id))
        colours.append((0, 0, 0) if ignored else identity_colour(person_id))
    return draw_boxes(
        load_rgb(str(annotations.path(image))),
        np.array([person['bbox'] for person in persons]),
        names,
        colours,
    )


def spread(items: list, number: int) -> list:
    """At most ``number`` of the items, chosen at equal distances."""
    if len(items) <= number:
        return list(items)
    places = np.linspace(0, len(items) - 1, number).round().astype(int)
    return [items[i] for i in places]


def identity_sheets(
    annotations: Annotations,
    sheets: int = 2,
    identities: int = 4,
    appearances: int = 8,
    cell: tuple[int, int] = (72, 144),
) -> list[np.ndarray]:
    """Pictures with one row of crops per identity, from images far apart.

    Args:
        annotations: The images.
        sheets: Number of pictures.
        identities: Rows of each.
        appearances: Crops of a row, at most.
        cell: Width and height of a crop, in pixels.

    Returns:
        Pictures (H, W, 3) uint8, RGB; none where no identity appears twice.
    """
    places = defaultdict(list)
    for image in annotations.images:
        for person in image['instances']:
            if person['instance_id'] >= 0 and not person['ignore_flag']:
                places[person['instance_id']].append((image, person['bbox']))
    often = [found for found in places.values() if len(found) > 1]
    often.sort(key=len, reverse=True)
    wanted = sheets * identities
    chosen = spread(often[: max(wanted, len(often) // 2)], wanted)
    rows = [
        _crops(annotations, spread(found, appearances), appearances, cell)
        for found in chosen
    ]
    return [
        np.concatenate(rows[start : start + identities])
        for start in range(0, len(rows), identities)
    ]


def _crops(annotations, places, columns, cell) -> np.ndarray:
    """Persons beside each other, the row filled up with white."""
    white = (255, 255, 255)
    crops = [
        crop_cell(load_rgb(str(annotations.path(image))), box, *cell)
        for image, box in places
    ]
    blank = np.full((cell[1], cell[0], 3), 255, np.uint8)
    crops += [blank] * (columns - len(crops))
    return np.concatenate([framed(c, white, 2) for c in crops], axis=1)


def detection_scene(
    path: str | Path,
    bboxes: np.ndarray,
    scores: np.ndarray,
    gt_bboxes: np.ndarray,
    score_thr: float,
) -> tuple[np.ndarray, dict[str, int]]:
    """Detections beside the truth: right green, wrong red, missed orange.

    Args:
        path: File of the image.
        bboxes: Detections, (N, 4) xyxy, pixels of the image.
        scores: Their scores, (N,).
        gt_bboxes: Annotated persons, (M, 4) xyxy, pixels.
        score_thr: Detections of a lower score are not drawn.

    Returns:
        The picture, uint8 RGB, and the numbers of persons that are
        ``right``, ``wrong`` and ``missed``.
    """
    keep = scores >= score_thr
    bboxes, scores = bboxes[keep], scores[keep]
    right, missed = match(bboxes, scores, gt_bboxes)
    everyone = np.concatenate([bboxes, gt_bboxes[missed]])
    names = [f'{score:.2f}' for score in scores] + ['missed'] * missed.sum()
    colours = [GREEN if hit else RED for hit in right]
    colours += [ORANGE] * int(missed.sum())
    image = load_rgb(str(path))
    counts = dict(
        right=int(right.sum()),
        wrong=int((~right).sum()),
        missed=int(missed.sum()),
    )
    return draw_boxes(image, everyone, names, colours), counts


def match(
    bboxes: np.ndarray, scores: np.ndarray, gt_bboxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Match detections with persons at IoU 0.5, best score first.

    Args:
        bboxes: Detections, (N, 4) xyxy.
        scores: Their scores, (N,).
        gt_bboxes: Annotated persons, (M, 4) xyxy.

    Returns:
        Whether each detection is right, (N,) bool, and whether each person
        is missed, (M,) bool.
    """
    right = np.zeros(len(bboxes), bool)
    missed = np.ones(len(gt_bboxes), bool)
    for i in np.argsort(-scores, kind='stable'):
        if not missed.any():
            break
        low = np.maximum(bboxes[i, :2], gt_bboxes[:, :2])
        high = np.minimum(bboxes[i, 2:], gt_bboxes[:, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        areas = (gt_bboxes[:, 2:] - gt_bboxes[:, :2]).prod(1)
        own = (bboxes[i, 2:] - bboxes[i, :2]).prod()
        iou = shared / np.maximum(areas + own - shared, 1e-9)
        best = int(np.argmax(np.where(missed, iou, -1)))
        if iou[best] >= 0.5:
            right[i], missed[best] = True, False
    return right, missed


def example_scenes(
    annotations: Annotations, number: int
) -> list[tuple[np.ndarray, str]]:
    """(picture, caption) of images with persons, spread over the set."""
    persons = {
        i: sum(not person['ignore_flag'] for person in image['instances'])
        for i, image in enumerate(annotations.images)
    }
    peopled = [i for i, count in persons.items() if count]
    return [
        (
            annotated_scene(annotations, annotations.images[i]),
            f'{annotations.images[i]["img_path"]} · {persons[i]} persons',
        )
        for i in spread(peopled, number)
    ]
