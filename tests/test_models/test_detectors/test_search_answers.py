"""The options of a test answer, which mean the same for every method."""

import re

import pytest
import torch
from mmengine.config import Config

from mmdet_ps.evaluation.search.query_embeddings import embed_queries
from mmdet_ps.evaluation.settings import SearchSettings
from mmdet_ps.models.detectors.search_answers import OPTIONS, check_options
from mmdet_ps.structures import SearchResults
from mmdet_ps.utils.configuration import READ_BESIDE
from mmdet_ps.utils.errors import UserError
from tests.test_evaluation.small_world import SmallWorld
from tests.test_models.thin_methods import METHODS, thin_config
from tests.test_models.two_stage import batch, build


def answers(config, data):
    model = build(config).eval()
    with torch.no_grad():
        return model.test_step(data)


def advised_option():
    """The option that the evaluation advises where embeddings lack."""
    world = SmallWorld(images={}, relevant=[])
    results = SearchResults(world.results().detections, None)
    settings = SearchSettings(query_embedding='given-box')
    with pytest.raises(UserError) as caught:
        embed_queries(world.protocol(), results, settings)
    return re.search(r'--cfg-options (\S+)=(\w+)', str(caught.value)).groups()


@pytest.mark.parametrize('method', METHODS)
def test_what_the_evaluation_advises_works(method):
    key, value = advised_option()
    for wanted in (False, value == 'True'):
        config = Config(dict(model=thin_config(method)))
        config.merge_from_dict({key: wanted})
        data = batch([1, 2], [], [5], scale=0.5)
        counts = [len(s.gt_instances) for s in data['data_samples']]
        found = answers(config.model, data)
        given = [sample.gt_instances.get('embeddings') for sample in found]
        if wanted:
            width = found[0].pred_instances.embeddings.shape[1]
            assert [rows.shape for rows in given] == [
                (count, width) for count in counts
            ]
        else:
            assert given == [None, None, None]


@pytest.mark.parametrize('method', METHODS)
def test_an_option_in_another_place_is_refused(method):
    for option in OPTIONS:
        config = Config(dict(model=thin_config(method)))
        config.merge_from_dict({f'model.test_cfg.rcnn.{option}': True})
        with pytest.raises(UserError, match=rf'model\.test_cfg\.{option}, '):
            build(config.model)


def test_options_at_their_place_and_none_at_all_are_accepted():
    check_options(None)
    check_options(dict.fromkeys(OPTIONS, True) | dict(rcnn=dict(nms=dict())))


def test_the_command_line_knows_the_options_of_every_detector():
    assert READ_BESIDE['model.test_cfg'] == OPTIONS
