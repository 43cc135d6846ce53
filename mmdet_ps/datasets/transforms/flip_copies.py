"""Mirrored copies in place of a random flip."""

from mmdet.datasets.transforms import RandomFlip
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FlipCopies(RandomFlip):
    """Mirror the images that ``flipped_copies`` of a dataset appended.

    So that an epoch holds every image in both ways, exactly once each.
    """

    def __init__(self) -> None:
        super().__init__(prob=1.0)

    def transform(self, results: dict) -> dict:
        """Mirror image and boxes of a copy; leave an original."""
        if results.get('flipped_copy', False):
            return super().transform(results)
        results['flip'] = False
        results['flip_direction'] = None
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
