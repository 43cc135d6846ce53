"""Operators of ``mmcv.ops`` on torchvision where mmcv has none compiled."""

from .stand_in import install

install()
