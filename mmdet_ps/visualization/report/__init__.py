"""Parts of a report: a page that needs no other file, curves, pictures."""

from .charts import bar_chart, line_chart
from .page import Page, figure, group, heading, note, table, tile
from .scalars import read_scalars, smoothed
from .scenes import (
    Annotations,
    detection_scene,
    example_scenes,
    identity_sheets,
    spread,
)
from .searches import (
    outcomes,
    side_by_side,
    telling_queries,
    worst_searches,
)

__all__ = [
    'Annotations',
    'Page',
    'bar_chart',
    'detection_scene',
    'example_scenes',
    'figure',
    'group',
    'heading',
    'identity_sheets',
    'line_chart',
    'note',
    'outcomes',
    'read_scalars',
    'side_by_side',
    'smoothed',
    'spread',
    'table',
    'telling_queries',
    'tile',
    'worst_searches',
]
