"""The laboratory: what trains, draws and compares in order to know more.

It is built on the library ``mmdet_ps``, which knows nothing of it, and it is
used from a clone of the repository; the installed package leaves it out.
"""
