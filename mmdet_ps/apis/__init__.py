"""Models as functions: image in, arrays out; search in one's own footage."""

from .footage import Frame, list_frames, load_frame
from .gallery_index import GalleryIndex, build_index
from .inference import Detections, detect, embed_boxes, init_model

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
