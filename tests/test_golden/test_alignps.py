"""AlignPS and ROI-AlignPS with converted weights against recorded figures."""

import json
from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmdet_ps.models.detectors import alignps
from tests.test_golden.golden import (
    FOLDER,
    arrays,
    assert_agrees,
    load_module,
    needs_golden,
    recipe,
)
from tests.test_models.two_stage import build, losses_of

pytestmark = [needs_golden, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
CONFIGS = {
    'alignps_cuhk': 'alignps/alignps_r50_1xb4-24e_cuhk-sysu',
    'alignps_prw': 'alignps/alignps_r50_1xb4-24e_prw',
    'alignpsplus_cuhk': 'alignps/alignps-plus_r50-dcn_1xb4-24e_cuhk-sysu',
    'alignpsplus_prw': 'alignps/alignps-plus_r50-dcn_1xb4-24e_prw',
    'roi_cuhk': 'roi_alignps/roi-alignps_r50_1xb5-24e_cuhk-sysu',
    'roi_prw': 'roi_alignps/roi-alignps_r50_1xb5-24e_prw',
}
RECORDED = ['alignps_prw', 'roi_prw']
HALF = 1e-3  # recorded in half precision


def model_of(name):
    config = Config.fromfile(ROOT / 'configs' / f'{CONFIGS[name]}.py').model
    config.backbone.init_cfg = None
    return build(config)


def weights_of(name):
    state = recipe().golden_state(FOLDER / f'{name}.keys.json')
    tool = load_module(ROOT / 'tools/model_converters/alignps.py')
    return tool.convert(state)[0]


@pytest.fixture(scope='module', params=RECORDED)
def case(request):
    """Name and loaded model. The weights amplify rounding a thousandfold:
    the figures are those of two threads, and of maps whose channels are not
    innermost."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    model = model_of(request.param)
    model.load_state_dict(weights_of(request.param), strict=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignps, 'channels_innermost', lambda maps: maps)
        yield request.param, model
    torch.set_num_threads(threads)


@pytest.mark.parametrize('name', CONFIGS)
def test_keys_and_shapes_of_all_six(name):
    with torch.device('meta'):
        expected = model_of(name).state_dict()
    given = weights_of(name)
    assert {k: v.shape for k, v in given.items()} == {
        k: v.shape for k, v in expected.items()
    }


def sample(boxes=None, ids=None):
    size = (224, 352)
    made = DetDataSample(
        metainfo=dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0))
    )
    if boxes is not None:
        made.gt_instances = InstanceData(
            bboxes=torch.tensor(boxes),
            labels=torch.zeros(len(boxes), dtype=torch.long),
            person_ids=torch.tensor(ids),
        )
    return made


def inputs(image):
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()


def test_maps_and_results(case):
    name, model = case
    model.eval()
    data = dict(
        inputs=[inputs(recipe().test_image())], data_samples=[sample()]
    )
    expected = arrays(name)
    with torch.no_grad():
        prepared = model.data_preprocessor(data, False)
        maps = model.extract_maps(prepared['inputs'])
        outs = model.bbox_head(maps.pyramid)
        (result,) = model.test_step(data)
    means = torch.stack([stage.double().mean() for stage in maps.stages])
    assert_agrees(means, expected['backbone_mean'])
    assert_agrees(maps.pyramid[0], expected['neck0'], HALF)
    for out, key in zip(outs, ('cls', 'bbox', 'ctr')):
        assert_agrees(out[0], expected[key])
    assert_agrees(outs[3][0], expected['reid'], HALF)
    result = result.pred_instances
    two = name.startswith('roi')
    rows = expected['res_0_0_0' if two else 'res_0_0']
    assert len(result) == len(rows)
    # Scores that differ by less than rounding may change places.
    match = torch.cdist(result.bboxes, rows[:, :4]).argmin(dim=1)
    assert len(match.unique()) == len(rows)
    rows = rows[match]
    assert_agrees(result.bboxes, rows[:, :4])
    assert_agrees(result.scores, rows[:, 4])
    dense = result.dense_embeddings if two else result.embeddings
    assert_agrees(dense, torch.nn.functional.normalize(rows[:, 5:]))
    if two:
        roi = expected['res_1_0'][match, 5:]
        assert_agrees(result.roi_embeddings, roi)


def test_losses(case):
    name, model = case
    model.train()
    images, boxes, ids = recipe().train_batch()
    data = dict(
        inputs=[inputs(image) for image in images],
        data_samples=[sample(*image) for image in zip(boxes, ids)],
    )
    state = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.no_grad():
        losses = losses_of(model, data)
    model.load_state_dict(state)
    expected = json.loads((FOLDER / f'{name}.loss.json').read_text())
    names = dict(loss_oim='loss_reid', loss_tri='loss_reid_triplet')
    for key, value in expected.items():
        # Locations that deform to beyond the image have the same embedding:
        # between two persons the distance is 0 up to the root of rounding.
        tolerance = 3e-4 if key == 'loss_tri' else 1e-4
        ours = losses[names.get(key, key)].item()
        assert ours == pytest.approx(value, rel=tolerance), key
