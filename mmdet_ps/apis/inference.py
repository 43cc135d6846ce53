"""A trained model on one image: find the persons, embed given boxes."""

import contextlib
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.model.utils import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from mmdet_ps.utils.errors import UserError

from ..utils.building import explained
from ..utils.checkpoint import CheckpointError, load_weights, training_only
from ..utils.configuration import read_config
from ..utils.devices import half_precision, require_device
from ..utils.hub import (
    CONFIG,
    WEIGHTS,
    check_sums,
    is_hub_address,
    is_published,
)
from ..utils.images import read_image
from ..utils.literal_config import read_literal_config
from ..utils.prediction import prepare_for_prediction
from ..utils.weights_store import find_model, find_weights
from .detections import Detections
from .onnx_model import OnnxModel

Image: TypeAlias = str | PathLike | np.ndarray


def init_model(
    config: str | PathLike | Config,
    checkpoint: str | PathLike | None = None,
    device: str = 'cpu',
    cfg_options: dict | None = None,
    trust: bool = False,
    half: bool = False,
) -> nn.Module | OnnxModel:
    """Build a model for inference, with its config as ``model.cfg``.

    Batch norms are folded into convolutions when the model predicts; its
    weights stay as they are.

    Args:
        config: File, name or config object; or what needs no checkpoint:
            a published model, on the hub (``hf://OWNER/NAME@REVISION``) or
            as a folder, or an ONNX file, which is run by onnxruntime.
        checkpoint: File or address; ``None`` leaves the random start. Keys
            that are missing, unexpected or of another shape are an error
            that lists them, because such a model answers with nonsense.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'``.
        cfg_options: Values that override the config's, by dotted key.
        trust: Also load a checkpoint that could run code of its own.
        half: Compute in half precision, which is faster and rounds figures
            to about three digits; not for an ONNX file.

    Returns:
        The model in evaluation mode on the device.

    Raises:
        UserError: A file is missing, damaged or of another model, or the
            device is not there.
    """
    if str(config).lower().endswith('.onnx'):
        if half:
            raise UserError(
                f'{config}: an ONNX file computes in the precision it was '
                'written in; leave half out'
            )
        return OnnxModel(str(config), device)
    if not isinstance(config, Config):
        config, published = read_any_config(config)
        checkpoint = checkpoint or published
    if cfg_options:
        config.merge_from_dict(cfg_options)
    place = require_device(device)
    precision = half_precision(place) if half else None
    init_default_scope(config.get('default_scope', 'mmdet'))
    with explained(config.filename or 'the configuration'):
        model = revert_sync_batchnorm(MODELS.build(config.model))
    if checkpoint is not None:
        load_all(model, checkpoint, trust)
    model.cfg = config
    model.half_precision = precision
    prepare_for_prediction(model)
    return model.to(device).eval()


@contextlib.contextmanager
def predicting(model: nn.Module) -> Iterator[None]:
    """A context in which a model computes without gradients, and in the
    precision that ``init_model`` was asked for."""
    device = next(model.parameters()).device.type
    dtype = getattr(model, 'half_precision', None)
    with (
        torch.inference_mode(),
        torch.autocast(device, dtype, enabled=dtype is not None),
    ):
        yield


def read_any_config(
    name: str | PathLike,
) -> tuple[Config, Path | None]:
    """A configuration, and the weights that were published with it.

    Args:
        name: File or name of a configuration, or a published model. Of a
            published model nothing is run, and every file is compared with
            its checksum.

    Returns:
        tuple[Config, Path]: The configuration and the file of the weights;
        None in place of these where ``name`` is a configuration alone.
    """
    if is_hub_address(name):
        folder = find_model(str(name))
    elif is_published(name):
        folder = Path(name)
        check_sums(folder)
    else:
        return read_config(name), None
    file = folder / CONFIG
    return read_literal_config(file.read_text(), str(file)), folder / WEIGHTS


def load_all(
    model: nn.Module, checkpoint: str | PathLike, trust: bool = False
) -> None:
    """Load a checkpoint that fits key by key, or say what differs.

    What only a training uses may differ: identity memories are as large as
    the training set has persons.

    Args:
        model: Receives the weights.
        checkpoint: File or address.
        trust: Also load a checkpoint that could run code of its own.

    Raises:
        CheckpointError: The weights do not fit; what differs is listed.
    """
    report = load_weights(model, find_weights(str(checkpoint)), trust)
    wrong = [report.differences(training_only(model))]
    if foreign := report.foreign():
        wrong.append(
            f'{len(foreign)} unknown to the model ({foreign[0]}, ...)'
        )
    if any(wrong):
        raise CheckpointError(
            f'{checkpoint} does not belong to this configuration; weights: '
            f'{", ".join(filter(None, wrong))}. Use the configuration it was '
            'trained with, or convert it with tools/model_converters'
        )


def detect(
    model: nn.Module,
    image: Image,
    resize: bool = True,
    score_thr: float = 0.0,
) -> Detections:
    """The persons in an image.

    Args:
        model: From ``init_model``.
        image: Path, or BGR uint8 array (H, W, 3).
        resize: Scale as the config's test pipeline does. ``False`` gives
            the image as it is (the model still pads it).
        score_thr: Leave out persons of a lower score.

    Returns:
        Detections: The N persons, best score first.

    Raises:
        UserError: The image cannot be read, or the model gives no
            embeddings.
    """
    return detect_batch(model, [image], resize, score_thr)[0]


def detect_batch(
    model: nn.Module,
    images: Sequence[Image],
    resize: bool = True,
    score_thr: float = 0.0,
) -> list[Detections]:
    """The persons in every one of several images.

    Those that the model pads to one size pass through it together. Images of
    other sizes wait for their own pass: a wide and a tall one, padded to each
    other, would take the memory of a large square.

    Args:
        images: As in ``detect``, at least one.
        model, resize, score_thr: As in ``detect``.
    """
    if isinstance(model, OnnxModel):
        return [_by_onnx(model, image, resize, score_thr) for image in images]
    with predicting(model):
        batch = [prepare(model, image, resize) for image in images]
        found = {}
        for rows in _of_one_size(model, batch):
            samples = model.test_step(
                dict(
                    inputs=[batch[row]['inputs'] for row in rows],
                    data_samples=[batch[row]['data_samples'] for row in rows],
                )
            )
            for row, sample in zip(rows, samples):
                found[row] = _arrays(model, sample, score_thr)
    return [found[row] for row in range(len(batch))]


def _of_one_size(model: nn.Module, batch: list[dict]) -> list[list[int]]:
    """Numbers of the prepared images of each size, once they are padded."""
    divisor = getattr(model.data_preprocessor, 'pad_size_divisor', 1)
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, data in enumerate(batch):
        size = tuple(-(-n // divisor) for n in data['inputs'].shape[-2:])
        groups.setdefault(size, []).append(row)
    return list(groups.values())


def _arrays(
    model: nn.Module, sample: DetDataSample, score_thr: float
) -> Detections:
    """What was found in one image, best first."""
    persons = sample.pred_instances
    if 'embeddings' not in persons:
        raise UserError(
            f'{type(model).__name__} gives no embeddings: it detects but '
            'does not search; use a config of a person-search method'
        )
    persons = persons[persons.scores >= score_thr]
    order = persons.scores.argsort(descending=True, stable=True)
    return Detections(
        *(
            persons[name][order].float().cpu().numpy()
            for name in Detections._fields
        )
    )


def _by_onnx(
    model: OnnxModel, image: Image, resize: bool, score_thr: float
) -> Detections:
    if not isinstance(image, np.ndarray):
        image = read_image(image)
    found = model.detect(check_image(image), resize)
    sure = found[1] >= score_thr
    return Detections(*(field[sure] for field in found))


def embed_boxes(
    model: nn.Module, image: Image, bboxes, resize: bool = True
) -> np.ndarray:
    """Embeddings of given persons of an image.

    Args:
        model: From ``init_model``.
        image: Path, or BGR uint8 array (H, W, 3).
        bboxes: (N, 4) xyxy in pixels of the image; a box may hang over the
            edge but not lie outside.
        resize: As in ``detect``.

    Returns:
        (N, D) float32 unit vectors. A method that does not embed regions,
        and any model out of an ONNX file, gives the embedding of the
        detection that overlaps best, and zeros where it found nobody in the
        whole image.

    Raises:
        UserError: A box is empty or lies outside the image, the image cannot
            be read, or the model cannot embed boxes.
    """
    if isinstance(model, OnnxModel):
        image = image if isinstance(image, np.ndarray) else read_image(image)
        return model.embed_boxes(image, check_boxes(bboxes, image), resize)
    if not hasattr(model, 'embed_boxes'):
        raise UserError(
            f'{type(model).__name__} cannot embed boxes: use a config of a '
            'person-search method'
        )
    if not isinstance(image, np.ndarray):
        image = read_image(image)
    bboxes = check_boxes(bboxes, image)
    device = next(model.parameters()).device
    with predicting(model):
        data = prepare(model, image, resize)
        batch = model.data_preprocessor(
            dict(inputs=[data['inputs']], data_samples=[data['data_samples']]),
            False,
        )
        embeddings = model.embed_boxes(
            batch['inputs'],
            batch['data_samples'],
            [torch.from_numpy(bboxes).to(device)],
        )[0]
    return embeddings.float().cpu().numpy()


def prepare(model: nn.Module, image: Image, resize: bool) -> dict:
    """One image through the config's test pipeline.

    Loading is done here, so that a bad file is named; annotations are left
    out; without ``resize`` so are the transforms that scale.
    """
    path = '' if isinstance(image, np.ndarray) else str(image)
    image = check_image(image if path == '' else read_image(path))
    steps = [
        step
        for step in get_test_pipeline_cfg(model.cfg)
        if 'Load' not in step['type']
        and (resize or 'Resize' not in step['type'])
    ]
    return Compose(steps)(
        dict(
            img=image,
            img_path=path,
            img_id=0,
            img_shape=image.shape[:2],
            ori_shape=image.shape[:2],
            scale_factor=(1.0, 1.0),
            flip=False,
        )
    )


def check_image(image: np.ndarray) -> np.ndarray:
    """Return an image as a contiguous array if it is a BGR uint8 image.

    Raises:
        UserError: It is another kind of array.
    """
    if (
        image.ndim != 3
        or image.shape[2] != 3
        or image.dtype != np.uint8
        or 0 in image.shape
    ):
        raise UserError(
            'an image is a BGR uint8 array (H, W, 3), not '
            f'{image.dtype} {image.shape}: '
            'cv2.imread(path) gives such an array'
        )
    return np.ascontiguousarray(image)


def check_boxes(bboxes, image: np.ndarray) -> np.ndarray:
    """Return boxes as (N, 4) float32 if they lie within an image.

    Args:
        bboxes: N rows of x1, y1, x2, y2 in pixels; none is allowed as well.
        image: (H, W, 3) uint8.

    Raises:
        UserError: A box is empty or outside the image; the first such box is
            named.
    """
    bboxes = np.asarray(bboxes, dtype=np.float32)
    if bboxes.size == 0:
        return bboxes.reshape(0, 4)
    if bboxes.ndim != 2 or bboxes.shape[1] != 4:
        raise UserError(
            f'bboxes is (N, 4), rows x1 y1 x2 y2, not {bboxes.shape}: one box '
            'is written [[x1, y1, x2, y2]]'
        )
    height, width = check_image(image).shape[:2]
    for i, (x1, y1, x2, y2) in enumerate(bboxes):
        if not (x1 < x2 and y1 < y2 and np.isfinite(bboxes[i]).all()):
            raise UserError(
                f'box {i} {bboxes[i].tolist()} is empty: boxes are x1 y1 x2 '
                'y2 with x1 < x2 and y1 < y2, not x y width height'
            )
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            raise UserError(
                f'box {i} {bboxes[i].tolist()} lies outside the image, which '
                f'is {width} wide and {height} high: boxes are in its pixels'
            )
    return bboxes
