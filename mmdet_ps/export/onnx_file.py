"""Writing a model as an ONNX file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from mmdet.utils import get_test_pipeline_cfg
from torch import nn

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing
from mmdet_ps.utils.optional_packages import optional

from .deform_sampling import plain_deform_convs
from .exportable import (
    ExportableAlignPS,
    ExportableDetector,
    ExportableTwoStage,
)

OPSET = 16
OUTPUTS = ('bboxes', 'scores', 'embeddings')
EXPORTED = {
    ('AlignPS', 'AlignPSHead'): ExportableAlignPS,
    ('PersonSearchRCNN', 'PersonSearchRoIHead'): ExportableTwoStage,
    ('PersonSearchRCNN', 'SequentialRoIHead'): ExportableTwoStage,
}


def exportable(model: nn.Module) -> ExportableDetector:
    """The model as a graph of standard operators.

    Raises:
        UserError: If there is none for its method.
    """
    head = getattr(model, 'roi_head', None) or getattr(
        model, 'bbox_head', None
    )
    kind = type(model).__name__, type(head).__name__
    if kind not in EXPORTED:
        raise UserError(
            f'{kind[0]} with {kind[1]} is not exported: there are OIM, NAE, '
            'SeqNet and AlignPS'
        )
    return EXPORTED[kind](model).eval()


def write_onnx(
    model: nn.Module, path: str | Path, size: tuple[int, int] = (320, 480)
) -> None:
    """Write a model as an ONNX file; its picture may have any size.

    Args:
        model: From ``init_model``, on the CPU.
        path (str | Path): The file.
        size (tuple[int, int]): Height and width of the picture that the
            graph is traced with.
    """
    onnx = optional('onnx')
    graph = exportable(model)
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (1, 3, *size), generator=generator)
    with (
        replacing(path) as beside,
        plain_deform_convs(model),
        warnings.catch_warnings(),
        torch.no_grad(),
    ):
        # Sizes that stay free look like constants to the tracer.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            graph,
            (image.to(torch.uint8),),
            str(beside),
            input_names=['image'],
            output_names=list(OUTPUTS),
            dynamic_axes=dict(
                image={2: 'height', 3: 'width'},
                **{name: {0: 'persons'} for name in OUTPUTS},
            ),
            opset_version=OPSET,
            dynamo=False,
        )
        document = onnx.load(str(beside))
        onnx.helper.set_model_props(document, dict(mmdet_ps=settings(model)))
        onnx.save(document, str(beside))


def settings(model: nn.Module) -> str:
    """How pictures are scaled for the model, as JSON."""
    resize = next(
        (
            step
            for step in get_test_pipeline_cfg(model.cfg)
            if step['type'].endswith('Resize')
        ),
        None,
    )
    if resize is not None and not resize.get('keep_ratio', False):
        raise UserError('a test pipeline without keep_ratio is not exported')
    return json.dumps(
        dict(
            method=type(model).__name__,
            scale=list(resize['scale']) if resize else None,
        )
    )
