"""Square crops of scenes: around a labelled person, or around all persons."""

from __future__ import annotations

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from .persons import PER_INSTANCE

# Left, top, width and height of a crop, in whole pixels.
Window = tuple[int, int, int, int]


class SquareCrop(BaseTransform):
    """Cut a window out of a picture and scale it to a square.

    Required and changed keys: ``img``, ``gt_bboxes``; ``img_shape`` follows,
    and what is kept per person is filtered as the boxes are. Afterwards
    ``scale_factor`` says how pixels of the window became those of the square,
    times what it said before; where the window lay is not kept, so predictions
    on the crop cannot be taken back to the picture. For training alone.

    Args:
        size (int): Side of the square, in pixels.
        min_visible (float): Least share of a box's area in the picture that
            must lie in the window for its person to stay; what lies outside
            is cut off.
    """

    def __init__(self, size: int = 640, min_visible: float = 0.6) -> None:
        self.size = size
        self.min_visible = min_visible

    def window(self, results: dict) -> Window:
        """Draw a window of the picture.

        Returns:
            Window: Left, top, width and height, in whole pixels.
        """
        raise NotImplementedError

    def transform(self, results: dict) -> dict:
        left, top, width, height = self.window(results)
        shape = results['img'].shape[:2]
        image = results['img'][top : top + height, left : left + width]
        results['img'] = mmcv.imresize(image, (self.size, self.size))
        results['img_shape'] = (self.size, self.size)
        scale = (self.size / width, self.size / height)
        before = results.get('scale_factor', (1.0, 1.0))
        results['scale_factor'] = tuple(a * b for a, b in zip(before, scale))
        boxes = results['gt_bboxes']
        boxes.clip_(shape)
        areas = boxes.areas.clone()
        boxes.translate_((-left, -top))
        boxes.clip_((height, width))
        # An empty box is nowhere to be seen.
        keep = (areas > 0) & (boxes.areas >= self.min_visible * areas)
        boxes.rescale_(scale)
        for key in PER_INSTANCE:
            if key in results:
                results[key] = results[key][keep.numpy()]
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, '
            f'min_visible={self.min_visible})'
        )


@TRANSFORMS.register_module()
class RandomFocusedCrop(SquareCrop):
    """A window of the picture's own scale that holds a labelled person.

    The person is drawn among those of the picture with an identity, and the
    window evenly among those that hold the person's whole box. It is as large
    as the square, or as the box where that is larger, and never larger than
    the picture. A picture without labelled persons is cropped anywhere.

    From Jaffe and Zakhor, "Gallery Filter Network for Person Search" (WACV
    2023). Arguments as of :class:`SquareCrop`.
    """

    @cache_randomness
    def window(self, results: dict) -> Window:
        """Draw a window, see :meth:`SquareCrop.window`."""
        height, width = results['img'].shape[:2]
        labelled = np.flatnonzero(results['gt_instances_ids'] >= 0)
        box = None
        side = self.size
        if len(labelled):
            boxes = results['gt_bboxes'].tensor.numpy()
            box = boxes[np.random.choice(labelled)]
            box = np.clip(box, 0, [width, height, width, height])
            side = max(side, *np.ceil(box[2:] - box[:2]).astype(int))
        sides = np.minimum(side, [width, height])
        least, most = np.zeros(2, int), [width, height] - sides
        if box is not None:
            most = np.minimum(most, np.floor(box[:2]).astype(int))
            least = np.maximum(0, np.ceil(box[2:] - sides).astype(int))
            # A box as large as the window, between two pixels.
            least = np.minimum(least, most)
        left, top = np.random.randint(least, most + 1)
        return int(left), int(top), int(sides[0]), int(sides[1])


@TRANSFORMS.register_module()
class RandomSafeCrop(SquareCrop):
    """A window that holds all persons, but for their margins.

    Each of its sides lies evenly drawn between the edge of the picture and the
    boxes, these made smaller by ``erosion``. Scaling it to a square changes
    the shape of persons. A picture without persons loses up to ``erosion`` of
    its width and height.

    From Jaffe and Zakhor, "Gallery Filter Network for Person Search" (WACV
    2023), who take it from albumentations (``RandomSizedBBoxSafeCrop``).

    Args:
        size (int): As of :class:`SquareCrop`.
        min_visible (float): As of :class:`SquareCrop`.
        erosion (float): Share of a box's width and height that each of its
            sides may lose.
    """

    def __init__(
        self, size: int = 640, min_visible: float = 0.6, erosion: float = 0.1
    ) -> None:
        super().__init__(size, min_visible)
        self.erosion = erosion

    @cache_randomness
    def window(self, results: dict) -> Window:
        """Draw a window, see :meth:`SquareCrop.window`."""
        height, width = results['img'].shape[:2]
        whole = np.array([width, height], float)
        boxes = results['gt_bboxes'].tensor.numpy().astype(float)
        if len(boxes):
            margins = self.erosion * (boxes[:, 2:] - boxes[:, :2])
            least = np.clip((boxes[:, :2] + margins).min(0), 0, whole)
            most = np.clip((boxes[:, 2:] - margins).max(0), 0, whole)
            start = np.random.uniform(0, least)
            end = np.random.uniform(most, whole)
        else:
            sides = whole * np.random.uniform(1 - self.erosion, 1)
            start = np.random.uniform(0, whole - sides)
            end = start + sides
        # Whole pixels that hold the window, at least one.
        start = np.minimum(np.floor(start), whole - 1).astype(int)
        end = np.maximum(np.ceil(end).astype(int), start + 1)
        sides = end - start
        return int(start[0]), int(start[1]), int(sides[0]), int(sides[1])

    def __repr__(self) -> str:
        return f'{super().__repr__()[:-1]}, erosion={self.erosion})'
