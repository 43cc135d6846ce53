"""DukeMTMC-reID: Market's folders with `0001_c2_f0046182.jpg`."""

from ..build import Build
from .market1501 import Crops, write_market_like

NUM_CAMERAS = 8


def file_name(identity: int, camera: int, index: int, _: int) -> str:
    """The name of a crop, as in ``0001_c2_f0046182.jpg``."""
    return f'{identity:04d}_c{camera}_f{46000 + 60 * index:07d}.jpg'


def write(build: Build) -> None:
    """Draw DukeMTMC-reID: crops in three folders."""
    write_market_like(build, Crops(build, file_name), NUM_CAMERAS)
