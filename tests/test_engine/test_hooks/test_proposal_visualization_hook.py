from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer

from mmdet_ps.engine.hooks import ProposalVisualizationHook
from mmdet_ps.visualization.drawing import BLUE, GREEN, RED


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
