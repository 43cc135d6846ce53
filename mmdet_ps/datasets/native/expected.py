"""Counts of the published releases, to verify a copy against.

They come from the files themselves, the official readmes, or the loaders of
published code; counts that no such source confirms are left out.
"""

from __future__ import annotations

EXPECTED: dict[str, dict[str, int]] = {
    'cuhk-sysu': {
        'train images': 11206,
        'train boxes': 55272,
        'train boxes with id': 15085,
        'train boxes without id': 40187,
        'train ids': 5532,
        'test images': 6978,
        'test boxes': 40871,
        'test boxes with id': 8345,
        'test boxes without id': 32526,
        'test ids': 2900,
        'test queries': 2900,
        'occlusion queries': 187,
        'resolution queries': 290,
        'persons in Person.mat': 11934,
    },
    'prw': {
        'train images': 5704,
        'train boxes': 18048,
        'train boxes with id': 14907,
        'train boxes without id': 3141,
        'train ids': 483,
        'test images': 6112,
        'test boxes': 25062,
        'test boxes with id': 19127,
        'test boxes without id': 5935,
        'test ids': 544,
        'queries': 2057,
        '(test id, camera) pairs': 2057,
        'test boxes of test ids': 16344,
        'test boxes of training ids': 2783,
    },
    'posetrack21': {
        'train boxes': 96215,
        'train ids': 5474,
        'test boxes': 46751,
        'test ids': 1656,
        'query ids': 1313,
    },
    'crowdhuman': {
        'train images': 15000,
        'test images': 4370,
    },
    'market1501': {
        'train images': 12936,
        'train ids': 751,
        'query images': 3368,
        'query ids': 750,
        'gallery images': 15913,
    },
    'msmt17': {
        'train images': 32621,
        'train ids': 1041,
        'query images': 11659,
        'gallery images': 82161,
        'gallery ids': 3060,
    },
}
