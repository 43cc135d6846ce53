"""Original key layouts load without a key missing or left over."""

from pathlib import Path

import pytest

from tests.test_golden.golden import (
    FOLDER,
    load_module,
    needs_golden,
    recipe,
)
from tests.test_models.two_stage import build, model_config

TOOLS = Path(__file__).parents[2] / 'tools' / 'model_converters'


@needs_golden
@pytest.mark.slow
@pytest.mark.parametrize(
    'name, tool',
    [
        ('oim', 'deep_person_search'),
        ('nae', 'deep_person_search'),
        ('bsl', 'deep_person_search'),
        ('seqnet', 'seqnet'),
    ],
)
def test_strict_loading(name, tool):
    state = recipe().golden_state(FOLDER / f'{name}.keys.json')
    weights, dropped = load_module(TOOLS / f'{tool}.py').convert(state)
    build(model_config(f'{name}_r50-c4')).load_state_dict(weights)
    assert all(
        any(
            word in key
            for word in (
                'background',
                'zero_loss',
                'cls_score',
                'no training person',
            )
        )
        for key in dropped
    )
