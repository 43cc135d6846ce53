"""The JSON records of PoseTrack21 images and persons."""

import numpy as np

from ..build import clip_box
from ..scene import Sighting

KEYPOINTS = (
    'nose',
    'head_bottom',
    'head_top',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)
CATEGORY = {
    'id': 1,
    'name': 'person',
    'supercategory': 'person',
    'keypoints': list(KEYPOINTS),
    'skeleton': [[16, 14], [14, 12]],
}
SOURCE_DIGIT = {'bonn': 1, 'mpii': 2}


def image_record(
    rng: np.random.Generator,
    file: str,
    video,
    step: int,
    frames: int,
    size: tuple[int, int],
    labelled: bool,
) -> dict:
    """One image; every third has an ignore region, flat or nested."""
    video_id = f'{video.number:06d}'
    image_id = int(f'{SOURCE_DIGIT[video.source]}{video_id}{step:04d}')
    record = {
        'file_name': file,
        'id': image_id,
        'frame_id': image_id,
        'vid_id': video_id,
        'nframes': frames,
        'is_labeled': labelled,
        'has_labeled_person': labelled,
    }
    kind = step % 3
    if kind:
        width, height = size
        x, y = rng.uniform(0, 0.8) * width, rng.uniform(0, 0.1) * height
        xs = [float(x), float(x + width * 0.12), float(x + width * 0.1)]
        ys = [float(y), float(y), float(y + height * 0.12)]
        record['ignore_regions_x'] = [xs] if kind == 1 else xs
        record['ignore_regions_y'] = [ys] if kind == 1 else ys
    else:
        record['ignore_regions_x'] = []
        record['ignore_regions_y'] = []
    return record


def _xywh(box: np.ndarray) -> list[float]:
    x0, y0, x1, y1 = np.round(box, 2).tolist()
    return [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]


def _keypoints(sighting: Sighting) -> list[float]:
    """51 numbers; the ears are placeholders, as in the original."""
    x0, y0, x1, _ = sighting.head_box
    made = {
        'nose': sighting.joints['head'],
        'head_bottom': sighting.joints['neck'],
        'head_top': ((x0 + x1) / 2, y0),
    }
    values: list[float] = []
    for name in KEYPOINTS:
        point = made.get(name) or sighting.joints.get(name)
        values += (
            [0.0, 0.0, 0.0]
            if point is None
            else [round(point[0], 1), round(point[1], 1), 1.0]
        )
    return values


def annotation_record(
    rng: np.random.Generator,
    sighting: Sighting,
    image_id: int,
    index: int,
    track: int,
    size: tuple[int, int],
) -> dict:
    """One person in one image; some have no keypoints."""
    record = {
        'bbox': _xywh(clip_box(sighting.box, size)),
        'bbox_head': _xywh(clip_box(sighting.head_box, size)),
        'category_id': 1,
        'image_id': image_id,
        'id': image_id * 100 + index,
        'person_id': sighting.tag,
        'track_id': track,
    }
    if rng.random() > 0.1:
        record['keypoints'] = _keypoints(sighting)
    return record
