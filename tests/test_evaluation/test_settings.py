"""Settings and presets."""

import pytest

from mmdet_ps.evaluation.report import describe
from mmdet_ps.evaluation.settings import (
    EVALUATOR_VERSION,
    SearchSettings,
    preset_settings,
    resolve,
)
from mmdet_ps.structures import SearchResults

from .small_world import boxes_of


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
        (dict(score_thr='high'), "score_thr='high' is not a number"),
        (dict(score_thr=float('nan')), 'score_thr=nan is not a number'),
        (dict(cbgm=(0, 3)), 'cbgm=.* two positive whole numbers'),
        (dict(cbgm=3), 'cbgm=3 is not two positive'),
        (dict(k_reciprocal=[20, 6]), 'k_reciprocal=.* and a weight'),
        (dict(gt_boxes='yes'), "gt_boxes='yes' is not True or False"),
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


NO_PRESET = dict(preset=None, settings={})
MATCHED = 'matched-detection'


@pytest.mark.parametrize(
    ('header', 'dataset', 'given', 'options', 'expected'),
    [
        # A legacy file: the thresholds of AlignPS, matched detections.
        ({}, 'cuhk-sysu', False, {},
         dict(score_thr=0.2, query_embedding=MATCHED, duplicates='skip')),
        ({}, 'prw', False, {}, dict(score_thr=0.15, query_embedding=MATCHED)),
        ({}, 'posetrack21', False, {}, dict(score_thr=0.15)),
        ({}, 'mine', False, {}, dict(score_thr=0.15)),
        ({}, 'prw', False, dict(score_thr=0.0), dict(score_thr=0.0)),
        ({}, 'prw', False, dict(preset='nae'),
         dict(score_thr=0.5, query_embedding=MATCHED, duplicates='each')),
        # So is a dump that says nothing about its scoring.
        (dict(version='1'), 'cuhk-sysu', True, {},
         dict(score_thr=0.2, query_embedding='given-box')),
        # A run without preset was scored by the defaults of new work.
        (NO_PRESET, 'prw', True, {},
         dict(score_thr=0.5, query_embedding='given-box')),
        (NO_PRESET, 'prw', False, {},
         dict(score_thr=0.5, query_embedding=MATCHED)),
        (dict(settings=dict(score_thr=0.3)), 'prw', True, {},
         dict(score_thr=0.3)),
        # A run with a preset, and single settings on top of it.
        (dict(preset='alignps', settings={}), 'cuhk-sysu', True, {},
         dict(score_thr=0.2, query_embedding=MATCHED, duplicates='each')),
        (dict(preset='alignps', settings=dict(query_embedding='given-box')),
         'prw', True, dict(score_thr=0.4),
         dict(score_thr=0.4, query_embedding='given-box')),
        (dict(preset='dps'), 'prw', False, {},
         dict(rounding='dps', query_embedding=MATCHED)),
        # What is asked for by name is not taken back.
        (dict(settings=dict(query_embedding='given-box')), 'prw', False, {},
         dict(query_embedding='given-box')),
        # A preset that is asked for replaces all that the run says.
        (dict(preset='dps', settings=dict(score_thr=0.1)), 'prw', True,
         dict(preset='gfn'), dict(score_thr=0.5, rounding='gfn')),
        # PSTR has a script of its own for graph matching, whoever asks.
        (dict(preset='pstr', settings=dict(cbgm=[30, 4])), 'prw', True, {},
         dict(cbgm=(30, 4), duplicates='skip')),
        (dict(preset='pstr'), 'prw', True, dict(cbgm=(30, 4)),
         dict(cbgm=(30, 4), duplicates='skip')),
        (dict(settings=dict(cbgm=[30, 4])), 'prw', True,
         dict(k_reciprocal=(20, 6, 0.3)),
         dict(cbgm=None, k_reciprocal=(20, 6, 0.3))),
        (dict(settings=dict(confidence_weighted=True)), 'prw', True,
         dict(confidence_weighted=False), dict(confidence_weighted=False)),
    ],
)  # fmt: skip
def test_how_results_are_scored(header, dataset, given, options, expected):
    settings = resolve(header, dataset, given, **options)
    found = {key: getattr(settings, key) for key in expected}
    assert found == expected


def test_every_setting_is_printed():
    settings = SearchSettings(cbgm=[30, 4])
    text = describe(settings, SearchResults(boxes_of([[]]), boxes_of([[]])))
    assert text.startswith(EVALUATOR_VERSION)
    for key, value in settings.describe().items():
        assert f'{key}={value}' in text
    assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize('given', [None, boxes_of([[]])])
def test_a_search_without_given_boxes_says_so(given):
    settings = SearchSettings(query_embedding=MATCHED)
    text = describe(settings, SearchResults(boxes_of([[]]), given))
    assert ('no embeddings of annotated boxes' in text) == (given is None)
