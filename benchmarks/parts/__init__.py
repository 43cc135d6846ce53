"""What can be timed: a module per part of the project.

Each has ``CASES``: names of cases, and functions that make them ready. The
modules import ``mmdet_ps`` from wherever Python finds it first, so that the
same case can be made of another version.
"""

NAMES = (
    'inference',
    'training',
    'loading',
    'evaluation',
    'memory',
    'operators',
    'growth',
)
