"""Every method as a thin model, the way its synthetic config builds it."""

from pathlib import Path

from mmengine.config import Config

from .two_stage import build

SYNTHETIC = Path(__file__).parents[2] / 'configs' / 'synthetic'
METHODS = (
    'oim', 'nae', 'bsl', 'seqnet', 'coat', 'seqnext', 'alignps', 'roi-alignps'
)  # fmt: skip


def thin_config(method):
    """The model of a method's config on PRW's synthetic twin."""
    (path,) = SYNTHETIC.glob(f'{method}_r18*_prw.py')
    return Config.fromfile(path).model


def thin_model(method):
    """A method's thin model at the same random start every time."""
    model = build(thin_config(method))
    model.init_weights()
    return model
