import pytest
import torch
from mmdet.registry import MODELS

from tests.tiny_search_detector import PREPROCESSOR, branch_batch, make_sample

SCENE = make_sample([[0, 0, 8, 8]], [-1], 'street', (48, 64))
CROP = make_sample([[0, 0, 32, 64]], [3], 'market', (64, 32))


@pytest.fixture
def preprocessor():
    return MODELS.build(
        dict(type='HybridDataPreprocessor', data_preprocessor=PREPROCESSOR)
    )


def test_each_branch_has_a_size_of_its_own(preprocessor):
    batch = branch_batch(det=[SCENE], reid=[CROP, CROP])
    data = preprocessor(batch, training=True)
    shapes = {k: tuple(v.shape) for k, v in data['inputs'].items()}
    assert shapes == {'det': (1, 3, 48, 64), 'reid': (2, 3, 64, 32)}
    expected = (SCENE[0].float() - 128) / 64
    torch.testing.assert_close(data['inputs']['det'][0], expected)
    assert [len(v) for v in data['data_samples'].values()] == [1, 2]


@pytest.mark.parametrize('missing', ['det', 'reid'])
def test_a_branch_without_samples_is_left_out(preprocessor, missing):
    batch = branch_batch(det=[SCENE], reid=[CROP])
    for values in batch.values():
        values[missing] = [None, None]
    data = preprocessor(batch, training=True)
    present = {'det', 'reid'} - {missing}
    assert set(data['inputs']) == set(data['data_samples']) == present


def test_a_plain_batch_passes_in_evaluation(preprocessor):
    image, sample = SCENE
    data = preprocessor(dict(inputs=[image], data_samples=[sample]))
    assert data['inputs'].shape == (1, 3, 48, 64)
