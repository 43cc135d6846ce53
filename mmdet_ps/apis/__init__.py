"""Models as functions: image in, arrays out; search in one's own footage.

What needs MMDetection is imported when it is first asked for, so that lists
of frames and rankings of a result file load without it.
"""

from typing import TYPE_CHECKING

from ..utils.late_import import import_on_use

if TYPE_CHECKING:
    from .detections import Detections
    from .frames import Frame, list_frames, load_frame
    from .gallery_index import GalleryIndex, build_index
    from .inference import detect, embed_boxes, init_model

__all__ = [
    'Detections',
    'Frame',
    'GalleryIndex',
    'build_index',
    'detect',
    'embed_boxes',
    'init_model',
    'list_frames',
    'load_frame',
]

__getattr__ = import_on_use(
    __name__,
    {
        'Detections': 'detections',
        'Frame': 'frames',
        'GalleryIndex': 'gallery_index',
        'build_index': 'gallery_index',
        'detect': 'inference',
        'embed_boxes': 'inference',
        'init_model': 'inference',
        'list_frames': 'frames',
        'load_frame': 'frames',
    },
)
