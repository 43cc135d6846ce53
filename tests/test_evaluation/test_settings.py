"""Settings and presets."""

import pytest

from mmdet_ps.evaluation.report import describe
from mmdet_ps.evaluation.settings import (
    EVALUATOR_VERSION,
    SearchSettings,
    preset_settings,
)


@pytest.mark.parametrize(
    ('preset', 'dataset', 'threshold'),
    [
        ('alignps', 'cuhk-sysu', 0.2),
        ('alignps', 'prw', 0.15),
        ('alignps', 'posetrack21', 0.15),
        ('pstr', 'cuhk-sysu', 0.25),
        ('pstr', 'prw', 0.3),
        ('seqnet', 'prw', 0.5),
        (None, 'cuhk-sysu', 0.5),
    ],
)
def test_thresholds(preset, dataset, threshold):
    assert preset_settings(preset, dataset).score_thr == threshold


def test_pstr_has_a_script_of_its_own_for_graph_matching():
    assert preset_settings('pstr', 'prw').duplicates == 'each'
    assert preset_settings('pstr', 'prw', cbgm=True).duplicates == 'skip'


def test_single_options_override_a_preset():
    settings = preset_settings('alignps', 'prw').with_options(
        score_thr=0.4, duplicates=None
    )
    assert settings.score_thr == 0.4 and settings.duplicates == 'each'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(duplicates='twice'), "duplicates='twice' is none of skip, each"),
        (dict(cbgm=(10, 3), k_reciprocal=(20, 6, 0.3)), 'exclude'),
    ],
)
def test_contradictions_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SearchSettings(**options)


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match='there are alignps'):
        preset_settings('align', 'prw')
    with pytest.raises(ValueError, match="no setting 'thr'"):
        SearchSettings().with_options(thr=1)


def test_every_setting_is_printed():
    settings = SearchSettings(cbgm=[30, 4])
    text = describe(settings)
    assert text.startswith(EVALUATOR_VERSION)
    for key, value in settings.describe().items():
        assert f'{key}={value}' in text
    assert max(map(len, text.splitlines())) < 80
