"""A model out of an ONNX file, by onnxruntime."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.errors import UserError

from ..structures.boxes import iou_matrix
from ..utils.optional_packages import optional

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


class OnnxModel:
    """Answers ``detect`` and ``embed_boxes`` in the place of a PyTorch model.

    Args:
        path (str | Path): Written by ``tools/export_onnx.py``.
        device (str): ``cpu``, or with onnxruntime-gpu ``cuda``, ``cuda:1``.

    Raises:
        UserError: If the file is no such model, or onnxruntime is missing.
    """

    def __init__(self, path: str | Path, device: str = 'cpu') -> None:
        runtime = optional('onnxruntime')
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path} is not there: check the path')
        kind, _, number = device.partition(':')
        provider = PROVIDERS.get(kind)
        if provider not in runtime.get_available_providers() or not (
            number.isdecimal() or number == ''
        ):
            raise UserError(
                f'device={device!r}: onnxruntime does not offer it; '
                'use cpu, or install onnxruntime-gpu'
            )
        options = {'device_id': int(number or 0)} if kind == 'cuda' else {}
        try:
            self._session = runtime.InferenceSession(
                str(path), providers=[(provider, options)]
            )
            held = self._session.get_modelmeta().custom_metadata_map
            self.settings = json.loads(held['mmdet_ps'])
        except Exception as error:  # the runtime's own kinds
            raise UserError(
                f'{path} is no model of tools/export_onnx.py '
                f'({type(error).__name__}): export it again'
            ) from None
        self.mark = hashlib.sha1(Path(path).read_bytes()).hexdigest()

    def detect(
        self, image: np.ndarray, resize: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the persons of an image.

        Args:
            image (ndarray): (H, W, 3) uint8, BGR.
            resize (bool): Scale as the config's test pipeline does.

        Returns:
            tuple: Boxes (N, 4) float32 xyxy in pixels of the image, scores
            (N,) float32, and embeddings (N, D) float32 of unit length.
        """
        scaled = image
        if resize and self.settings['scale']:
            scaled = rescale(image, self.settings['scale'])
        factors = np.array(scaled.shape[1::-1]) / image.shape[1::-1]
        picture = np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
        bboxes, scores, embeddings = self._session.run(
            None, {'image': picture}
        )
        return (
            bboxes / np.tile(factors, 2).astype(np.float32),
            scores,
            (embeddings),
        )

    def embed_boxes(
        self, image: np.ndarray, bboxes: np.ndarray, resize: bool = True
    ) -> np.ndarray:
        """Embed given persons by the detection that overlaps each most.

        Args:
            image (ndarray): (H, W, 3) uint8, BGR.
            bboxes (ndarray): (N, 4) xyxy, pixels.
            resize (bool): As of :meth:`detect`.

        Returns:
            ndarray: (N, D) float32; zeros where nobody is found in the image.
        """
        found, _, embeddings = self.detect(image, resize)
        if not len(found):
            return np.zeros((len(bboxes), embeddings.shape[1]), np.float32)
        if not len(bboxes):
            return embeddings[:0]
        return embeddings[iou_matrix(bboxes, found).argmax(axis=1)]


def rescale(image: np.ndarray, scale: list[int]) -> np.ndarray:
    """Scale an image as large as fits, its sides in proportion.

    Args:
        image (ndarray): (H, W, 3) uint8.
        scale (list[int]): Greatest longer and greatest shorter side in
            pixels, in any order.
    """
    height, width = image.shape[:2]
    factor = min(
        max(scale) / max(height, width), min(scale) / min(height, width)
    )
    size = int(width * factor + 0.5), int(height * factor + 0.5)
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
