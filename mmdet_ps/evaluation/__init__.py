"""Scoring of person search.

Reading and scoring results takes numpy alone. ``metrics`` puts it behind
mmengine's evaluator; :mod:`mmdet_ps.registration` imports it.
"""
