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
        'galleries with an image twice': 4,
        'galleries with the query image': 2,
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
        'train images with an identity twice': 10,
        'test images with an identity twice': 3,
        'train boxes left of the image': 11,
        'test boxes left of the image': 14,
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
        'gallery images': 15913,
    },
    'msmt17': {
        'train images': 32621,
        'train ids': 1041,
        'query images': 11659,
        'gallery images': 82161,
        'gallery ids': 3060,
    },
    'citypersons': {
        'train images': 2975,
        'train pedestrians': 16526,
        'train pedestrians of 50 pixels': 12670,
        'train riders': 1680,
        'train sitting persons': 1032,
        'train persons in other postures': 417,
        'train groups': 1347,
        'train marked ignore': 6768,
        'train images without box': 197,
        'test images': 500,
        'test pedestrians': 3157,
        'test pedestrians of 50 pixels': 2549,
        'test images without box': 13,
    },
    'widerperson': {
        'train images': 8000,
        'test images': 1000,
    },
    'cuhk03': {
        'train images': 7368,
        'train ids': 767,
        'query images': 1400,
    },
    'dukemtmc': {
        'train images': 16522,
        'train ids': 702,
        'query images': 2228,
        'query ids': 702,
        'gallery images': 17661,
    },
    'cuhk-sysu-crops': {
        'train images': 34574,
        'train ids': 11934,
    },
}
