import pytest

from mmdet_ps.apis import init_model

from . import colour_model


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / 'colour.py'
    path.write_text(colour_model.CONFIG)
    return path


@pytest.fixture
def model(config_file):
    return init_model(config_file)
