"""Resizing that decodes a picture no larger than it has to be."""

from __future__ import annotations

import cv2
import mmcv
import numpy as np
from mmdet.datasets.transforms import Resize
from mmdet.registry import TRANSFORMS
from mmengine import fileio

from mmdet_ps.utils.errors import UserError

# How much smaller a picture is decoded, and OpenCV's flag for it.
REDUCTIONS = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}


@TRANSFORMS.register_module()
class DecodingResize(Resize):
    """``LoadImageFromFile`` and ``Resize`` in one.

    A picture that is to become at most half as large is decoded at a half, a
    quarter or an eighth of its size, which JPEG files allow without decoding
    the rest. Its pixels are then means of larger areas: smoother than those
    that ``Resize`` picks out, but not the same, for which reason no published
    recipe uses it. Sizes, boxes and ``scale_factor`` are the same, and so is a
    picture that is not reduced.

    It takes the place of both, and may be the ``resize_type`` of
    ``RandomChoiceResize``. Where a picture is decoded already (two views of a
    picture, arrays in an API) it is ``Resize``.

    Required keys: ``img_path``, and ``height`` and ``width`` of the whole
    picture, without which it is decoded whole.

    Args:
        scale: Width and height in pixels, as of ``Resize``.
        backend_args (dict, optional): Where the file lies, as of
            ``LoadImageFromFile``.
        **kwargs: Further options of mmdet's ``Resize``, but ``scale_factor``.

    Raises:
        UserError: The file is no picture; it is named.
    """

    def __init__(
        self,
        scale: int | tuple[int, int],
        backend_args: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(scale, **kwargs)
        self.backend_args = backend_args

    def _resize_img(self, results: dict) -> None:
        """Decode, if need be, and resize to ``results['scale']``."""
        if results.get('img') is not None:
            super()._resize_img(results)
            return
        path = results['img_path']
        content = fileio.get(path, backend_args=self.backend_args)
        width, height = results.get('width', 0), results.get('height', 0)
        image = self._decode_reduced(content, (width, height), results)
        if image is None:
            image = mmcv.imfrombytes(content, backend='cv2')
            if image is None:
                raise UserError(
                    f'{path}: this is no picture: put the image in its place '
                    'or fetch it again'
                )
            height, width = image.shape[:2]
        target = self._target((width, height), results)
        image = mmcv.imresize(
            image,
            target,
            interpolation=self.interpolation,
            backend=self.backend,
        )
        results.update(
            img=image,
            img_shape=image.shape[:2],
            ori_shape=(height, width),
            scale_factor=(target[0] / width, target[1] / height),
            keep_ratio=self.keep_ratio,
        )

    def _target(self, size: tuple[int, int], results: dict) -> tuple[int, int]:
        """Width and height that a picture of a size is to have."""
        if self.keep_ratio:
            return mmcv.rescale_size(size, results['scale'])
        return tuple(results['scale'])

    def _decode_reduced(
        self, content: bytes, size: tuple[int, int], results: dict
    ) -> np.ndarray | None:
        """The picture (h, w, 3) uint8 at a part of its width and height; None
        if it is too small for that, or not of the size that was said."""
        if not all(size):
            return None
        target = self._target(size, results)
        for reduction, flag in REDUCTIONS.items():
            if all(t * reduction <= s for t, s in zip(target, size)):
                image = mmcv.imfrombytes(content, flag, backend='cv2')
                if image is not None and all(
                    abs(found - whole / reduction) < 1
                    for found, whole in zip(image.shape[1::-1], size)
                ):
                    return image
                return None
        return None
