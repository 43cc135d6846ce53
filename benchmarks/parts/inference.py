"""Pictures through every method: persons found and embedded."""

from __future__ import annotations

import contextlib
import copy
from functools import lru_cache, partial
from importlib import import_module

import torch
from torch import nn

from .case import Case, Setting
from .pictures import METHODS, calibrate, model_of, pictures

# Height and width of a picture in the published tests, padded.
SIZES = dict.fromkeys(METHODS, (608, 992))
SIZES.update(
    {
        'seqnet': (896, 1504),
        'coat': (896, 1504),
        'alignps': (864, 1504),
        'roi-alignps': (864, 1504),
    }
)
SMALL = (160, 256)
# What prepares a network, in this version and in earlier ones.
PREPARATIONS = (
    ('mmdet_ps.utils.prediction', 'prepare_for_prediction'),
    ('mmdet_ps.utils.norm_folding', 'fold_norms'),
)


def make(method: str, count: int, half: bool, setting: Setting) -> Case:
    """A network that predicts ``count`` pictures at once.

    Quick runs on a CPU take the thin networks and small pictures.
    """
    small = setting.quick and setting.device == 'cpu'
    model, plain = networks(method, small, setting.device)
    batch = pictures(count, SMALL if small else SIZES[method])
    other, name = (
        (model, 'single precision') if half else (plain, 'norms apart')
    )
    return Case(
        partial(predict, model, batch, half),
        partial(predict, other, batch, False),
        name,
    )


@lru_cache(maxsize=1)
def networks(
    method: str, small: bool, device: str
) -> tuple[nn.Module, nn.Module]:
    """A network as it predicts, and as it is built; those of one method are
    kept at a time."""
    model = model_of(method, 'r18' if small else 'r50').to(device)
    calibrate(model, pictures(1, SMALL))
    plain = copy.deepcopy(model)
    prepare(model)
    return model, plain


def prepare(model: nn.Module) -> None:
    """As the project's tools do before they predict, in versions that do."""
    for module, function in PREPARATIONS:
        with contextlib.suppress(ImportError):
            getattr(import_module(module), function)(model)
            return


def predict(model: nn.Module, batch: dict, half: bool) -> None:
    """One pass, of copies of the samples, since these take up the answers."""
    device = next(model.parameters()).device.type
    samples = [sample.clone() for sample in batch['data_samples']]
    dtype = torch.bfloat16 if device == 'cpu' else torch.float16
    with torch.inference_mode(), torch.autocast(device, dtype, enabled=half):
        answers = model.test_step(dict(batch, data_samples=samples))
    answers[0].pred_instances.scores.sum().item()


CASES = {
    f'{method}, {count} picture{"s" * (count > 1)}{", half" * half}': partial(
        make, method, count, half
    )
    for method in METHODS
    for count, half in ((1, False), (4, False), (1, True))
}
