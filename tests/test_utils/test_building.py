"""What is wrong with a configuration's parts is one line that names them."""

import pytest
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

import mmdet_ps  # noqa: F401  the registries find its parts
from mmdet_ps.utils.building import explained
from mmdet_ps.utils.errors import UserError


@MODELS.register_module()
class PickyLayer(nn.Module):
    """Takes few settings."""

    def __init__(self, width, depth=1):
        super().__init__()
        self.width = {1: 2}[width]


@MODELS.register_module()
class OuterLayer(nn.Module):
    """Builds the part it is given."""

    def __init__(self, part):
        super().__init__()
        self.part = MODELS.build(part)


@pytest.mark.parametrize(
    ('part', 'message'),
    [
        (dict(type='OIMLos'), r'x.py: there is no model OIMLos; .*OIMLoss\?'),
        (dict(type='Zzzz'), r'there is no model Zzzz; .*custom_imports'),
        (dict(width=3), r'a part of the models has no type \(it has width'),
        (dict(type='PickyLayer', width=1, dept=2), r'PickyLayer has no op'
         r'tion dept; did you mean depth\?'),
        (dict(type='PickyLayer'), r"PickyLayer lacks its option 'width'"),
        (dict(type='ResNet', depth=51), r'ResNet does not take .*depth 51'),
        (dict(type='ResNet', depth=50, strides=(1,)), r'ResNet does not'),
    ],
)  # fmt: skip
def test_a_wrong_part_is_named(part, message):
    with pytest.raises(UserError, match=message) as error, explained('x.py'):
        MODELS.build(part)
    assert '\n' not in str(error.value)


def test_the_innermost_part_is_named():
    outer = dict(type='OuterLayer', part=dict(type='ResNet', dept=50))
    match = 'ResNet has no option dept'
    with pytest.raises(UserError, match=match), explained('x.py'):
        MODELS.build(outer)


def test_errors_of_a_run_and_of_this_package_stay_what_they_are(monkeypatch):
    with pytest.raises(KeyError), explained('x.py'):
        {}['no part is built here']
    monkeypatch.setattr('mmdet_ps.utils.building.PACKAGE', __file__)
    with pytest.raises(KeyError), explained('x.py'):
        MODELS.build(dict(type='PickyLayer', width=9))


def test_a_runner_that_cannot_be_built_says_so(tmp_path):
    cfg = Config(
        dict(
            default_scope='mmdet',
            model=dict(type='PickyLayer', width=1),
            work_dir=str(tmp_path),
            train_dataloader=dict(batch_size=1, dataset=dict(type='Nowhere')),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        )
    )
    match = 'no dataset Nowhere'
    with pytest.raises(UserError, match=match), explained('x.py'):
        Runner.from_cfg(cfg).build_train_loop(cfg.train_cfg)
