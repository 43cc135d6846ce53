import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer

import mmdet_ps.registration  # noqa: F401
from mmdet_ps.engine.hooks import ProposalVisualizationHook
from mmdet_ps.visualization.drawing import BLUE, GREEN, RED
from tests.test_models import two_stage
from tests.test_models.thin_methods import METHODS, thin_config, thin_model
from tests.tiny_search_detector import branch_batch, make_sample


def sample(boxes, ids):
    return DetDataSample(
        gt_instances=InstanceData(
            bboxes=torch.tensor(boxes).reshape(-1, 4),
            person_ids=torch.tensor(ids, dtype=torch.long),
        )
    )


@pytest.fixture
def batch():
    images = [torch.zeros(3, 60, 80), torch.zeros(3, 40, 50)]
    return dict(
        inputs=[image.to(torch.uint8) for image in images],
        data_samples=[sample([[5.0, 5, 30, 50]], [3]), sample([], [])],
    )


def colors(picture):
    return {tuple(c) for c in picture.reshape(-1, 3).tolist()}


def run(runner, hook, batch):
    hook.before_train_iter(runner, 0, batch)
    hook.after_train_iter(runner, 0, batch)


class Pictures(Visualizer):
    """Keeps what it is given."""

    def add_image(self, name, image, step=0):
        self.kept = (name, image, step)


@pytest.fixture
def runner():
    rois = torch.tensor(
        [[0, 5, 5, 30, 50], [0, 40, 5, 60, 40], [1, 5, 5, 25, 35]]
    ).float()
    head = SimpleNamespace(sampled_rois=(rois, torch.tensor([3, -2, -1])))
    return SimpleNamespace(
        model=SimpleNamespace(roi_head=head),
        visualizer=Pictures(),
        iter=9,
    )


def test_kinds_have_their_colors(runner, batch):
    run(runner, ProposalVisualizationHook(interval=10), batch)
    name, picture, step = runner.visualizer.kept
    assert name == 'train/proposals'
    assert step == 10
    assert picture.shape == (120, 130, 3)
    first, second = picture[:60, :80], picture[:40, 80:]
    assert {GREEN, RED} <= colors(first)
    assert BLUE not in colors(first)
    assert BLUE in colors(second)
    # Below: the annotated persons of the first image, none of the second.
    assert GREEN in colors(picture[60:, :80])
    assert colors(picture[40:80, 80:]) == {(0, 0, 0)}


def test_only_every_so_many_steps(runner, batch):
    run(runner, ProposalVisualizationHook(interval=4), batch)
    assert not hasattr(runner.visualizer, 'kept')


def test_models_without_rois_are_left_alone(runner, batch):
    runner.model.roi_head.sampled_rois = None
    run(runner, ProposalVisualizationHook(interval=10), batch)
    assert not hasattr(runner.visualizer, 'kept')


def test_the_number_of_images_is_limited(runner, batch):
    hook = ProposalVisualizationHook(interval=10, max_images=1)
    run(runner, hook, batch)
    assert runner.visualizer.kept[1].shape == (120, 80, 3)
    assert isinstance(runner.visualizer.kept[1], np.ndarray)


class Album:
    """A visualizer that keeps every picture by its name."""

    def __init__(self):
        self.kept = {}

    def add_image(self, name, image, step=0):
        self.kept[name] = image


def pictures_of(model, data):
    """What the hook draws of a training step of a model."""
    runner = SimpleNamespace(model=model, visualizer=Album(), iter=9)
    hook = ProposalVisualizationHook(interval=10)
    hook.before_train_iter(runner, 0, data)
    ready = model.data_preprocessor(copy.deepcopy(data), training=True)
    model.loss(ready['inputs'], ready['data_samples'])
    hook.after_train_iter(runner, 0, data)
    return runner.visualizer.kept


@pytest.mark.parametrize('method', METHODS)
def test_every_method_is_drawn(method):
    model = thin_model(method).train()
    kept = pictures_of(model, two_stage.batch([3], [-1]))
    assert set(kept) == {'train/proposals'}
    upper, lower = np.split(kept['train/proposals'], 2)
    assert upper.shape == (96, 2 * 128, 3)
    for half in (upper, lower):
        assert GREEN in colors(half[:, :128])
        assert BLUE in colors(half[:, 128:])
        assert GREEN not in colors(half[:, 128:])
    assert RED not in colors(lower)
    # AlignPS shows the cells of persons alone, RoI heads background, too.
    assert (RED in colors(upper)) == (method != 'alignps')


@pytest.mark.parametrize('split_sources', [False, True])
@pytest.mark.parametrize('method', ['nae', 'alignps'])
def test_pretraining_is_drawn_branch_by_branch(method, split_sources):
    detector = thin_config(method)
    model = two_stage.build(
        dict(
            type='HybridPretrainDetector',
            detector=detector,
            split_sources=split_sources,
        )
    ).train()
    box = [[20, 10, 60, 90]]
    kept = pictures_of(
        model,
        branch_batch(
            det=[
                make_sample(box, [-1], 'street', (96, 128)),
                make_sample([], [], 'square', (96, 128)),
                make_sample(box, [-1], 'street', (96, 128)),
            ],
            reid=[make_sample(box, [7], 'market', (96, 128))],
        ),
    )
    assert set(kept) == {'train/proposals_det', 'train/proposals_reid'}
    scenes = np.split(kept['train/proposals_det'][:96], 3, axis=1)
    assert [BLUE in colors(scene) for scene in scenes] == [True, False, True]
    crop = kept['train/proposals_reid']
    assert crop.shape == (192, 128, 3)
    assert GREEN in colors(crop[:96]) and BLUE not in colors(crop)
