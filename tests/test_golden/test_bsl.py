"""BSL with converted weights against the figures of deep-person-search."""

from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmdet_ps.models.detectors.search_answers import answer
from mmdet_ps.utils.norm_folding import fold_norms
from tests.test_golden.golden import (
    FOLDER,
    arrays,
    assert_agrees,
    load_module,
    needs_golden,
    recipe,
)
from tests.test_models.two_stage import build, model_config

pytestmark = needs_golden
CONVERTER = (
    Path(__file__).parents[2] / 'tools/model_converters/deep_person_search.py'
)
HALF = 1e-3  # recorded in half precision


def converted(name):
    """A model with the recorded weights, image size as it is."""
    model = build(model_config(f'{name}_r50-c4'))
    state = recipe().golden_state(FOLDER / f'{name}.keys.json')
    weights, _ = load_module(CONVERTER).convert(state)
    model.load_state_dict(weights, strict=True)
    return model.eval()


def data_of(image, boxes=None, ids=None):
    """A test batch of one BGR image."""
    size = tuple(image.shape[:2])
    sample = DetDataSample(
        metainfo=dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0))
    )
    if boxes is not None:
        sample.gt_instances = InstanceData(
            bboxes=torch.as_tensor(boxes),
            labels=torch.zeros(len(boxes), dtype=torch.long),
            person_ids=torch.as_tensor(ids),
        )
    inputs = torch.from_numpy(image).permute(2, 0, 1).contiguous()
    return dict(inputs=[inputs], data_samples=[sample])


@pytest.fixture(scope='module')
def loaded():
    return converted('bsl')


@pytest.fixture(scope='module', params=['bsl', 'bsl_div'])
def case(request, loaded):
    """The model with its preprocessing, the record and its C4 map."""
    divisor = 255.0 if request.param == 'bsl_div' else 1.0
    loaded.data_preprocessor.std.fill_(divisor)
    record = arrays(request.param)
    data = data_of(recipe().test_image(), record['query_boxes'], [0, 1, 2])
    with torch.no_grad():
        data = loaded.data_preprocessor(data)
        features = loaded.extract_feat(data['inputs'])
    return loaded, record, data, features


def test_input(case):
    _, record, data, _ = case
    image = data['inputs'][0]
    assert_agrees(image[:, :4, :4], record['input_corner'])
    assert_agrees(image.mean(dim=(1, 2)), record['input_mean'])


def test_c4(case):
    _, record, _, (c4,) = case
    assert_agrees(c4[0], record['c4'], HALF)


def test_rpn(case):
    model, record, _, features = case
    with torch.no_grad():
        (logits,), (deltas,) = model.rpn_head(features)
    assert_agrees(logits[0], record['rpn_objectness'])
    assert_agrees(deltas[0], record['rpn_deltas'])
    (anchors,) = model.rpn_head.prior_generator.grid_priors(
        [features[0].shape[2:]], device='cpu'
    )
    assert torch.equal(anchors, record['anchors'])


def proposals_of(model, logits, deltas):
    return model.rpn_head.predict_by_feat(
        [logits[None]],
        [deltas[None]],
        batch_img_metas=[dict(img_shape=(224, 352))],
    )[0]


def test_proposals_of_made_up_maps(case):
    model, record, _, _ = case
    found = proposals_of(
        model, record['hand_rpn_objectness'], record['hand_rpn_deltas']
    )
    assert_agrees(found.bboxes, record['hand_proposals'])
    assert_agrees(found.scores, record['hand_proposal_logits'].sigmoid())


def test_proposals_of_the_image(case):
    model, record, _, _ = case
    found = proposals_of(model, record['rpn_objectness'], record['rpn_deltas'])
    assert_agrees(found.bboxes, record['proposals'])


@pytest.mark.parametrize('kind', ['roi', 'given'])
def test_answers_on_recorded_boxes(case, kind):
    model, record, _, features = case
    rois = bbox2roi([record[f'{kind}_boxes']])
    with torch.no_grad():
        answers = model.roi_head._bbox_forward(features, rois)
        embeddings = model.roi_head.embed_rois(features, rois)
    # (background, person) there, (person, background) here.
    assert_agrees(answers['cls_score'].flip(1), record[f'{kind}_cls'])
    assert_agrees(answers['bbox_pred'], record[f'{kind}_deltas'][:, 4:])
    tolerance = HALF if kind == 'given' else 1e-4
    assert_agrees(embeddings, record[f'{kind}_embeddings'], tolerance)


def test_pooled_features(case):
    model, record, _, features = case
    rois = bbox2roi([record['query_boxes'][:1]])
    pooled = model.roi_head.bbox_roi_extractor(features, rois)[0]
    assert_agrees(pooled, record['roi_pooled_fixed0'], HALF)


def test_query_embeddings(case):
    model, record, data, _ = case
    embeddings = model.embed_boxes(
        data['inputs'], data['data_samples'], [record['query_boxes']]
    )[0]
    assert_agrees(embeddings.detach(), record['query_embeddings'])


def post_processed(model, record, prefix, **cfg):
    """The head's outputs of a record put through the post-processing."""
    rois = bbox2roi([record['given_boxes']])
    answers = dict(
        cls_score=record[f'{prefix}_cls'].flip(1),
        bbox_pred=record[f'{prefix}_deltas'][:, 4:],
        embeddings=record[f'{prefix}_embeddings'],
    )
    cfg = ConfigDict({**model.roi_head.test_cfg, **cfg})
    meta = dict(img_shape=(224, 352))
    head = model.roi_head.bbox_head
    result = model.roi_head.detections(rois, answers, meta, cfg, head)
    return result


def test_post_processing_of_made_up_answers(case):
    model, record, _, _ = case
    found = post_processed(model, record, 'hand')
    assert_agrees(found.bboxes, record['hand_det_boxes'])
    assert_agrees(found.scores, record['hand_det_scores'])
    assert_agrees(found.embeddings, record['hand_det_embeddings'])


def test_confidence_weighting(case):
    model, record, _, _ = case
    found = post_processed(model, record, 'hand')
    (found,) = answer(
        dict(confidence_weighted=True), [], lambda: [found], None, found.bboxes
    )
    assert_agrees(found.embeddings, record['hand_det_embeddings_cws'])


def test_post_processing_of_recorded_answers(case):
    model, record, _, _ = case
    found = post_processed(model, record, 'given', score_thr=-1.0)
    assert_agrees(found.bboxes, record['given_det_boxes'])
    assert_agrees(found.scores, record['given_det_scores'])
    assert_agrees(found.embeddings, record['given_det_embeddings'], HALF)


@pytest.mark.parametrize('norms', ['apart', 'folded'])
def test_the_whole_way(norms):
    """Detections of the image itself, where the record is usable."""
    model = converted('bsl')
    if norms == 'folded':
        assert fold_norms(model) > 40
    record = arrays('bsl_div')
    model.data_preprocessor.std.fill_(255.0)
    model.roi_head.test_cfg.score_thr = float(record['score_thresh'])
    with torch.no_grad():
        (answer,) = model.test_step(data_of(recipe().test_image()))
    found = answer.pred_instances
    assert_agrees(found.bboxes, record['det_boxes'])
    assert_agrees(found.scores, record['det_scores'])
    assert_agrees(found.embeddings, record['det_embeddings'])
