"""FiniteLossHook: the step that went wrong and its images are named."""

import os
from types import SimpleNamespace

import pytest
import torch
from mmdet.structures import DetDataSample

from mmdet_ps.engine.hooks import FiniteLossHook, WholeCheckpointHook
from mmdet_ps.utils.errors import UserError

GOOD = dict(loss=torch.tensor(1.0), loss_cls=torch.tensor(1.0))
BAD = dict(
    loss=torch.tensor(float('nan')),
    loss_cls=torch.tensor(1.0),
    det_loss_bbox=torch.tensor(float('inf')),
    acc=torch.tensor(float('nan')),
)


class RunnerAt:
    """Of a runner, its number of finished steps."""

    iter = 0


def sample(name):
    return DetDataSample(metainfo=dict(img_path=name))


def run(hook, *steps):
    runner = RunnerAt()
    for runner.iter, (outputs, data) in enumerate(steps):
        hook.after_train_iter(runner, runner.iter, data, outputs)
    hook.after_train(runner)


def batch(*names):
    return dict(inputs=[], data_samples=[sample(name) for name in names])


def test_finite_losses_pass():
    hook = FiniteLossHook(interval=2)
    run(hook, *[(GOOD, batch('a.jpg'))] * 5)
    assert hook.steps == []


@pytest.mark.parametrize('interval', [1, 2, 50])
def test_the_first_bad_step_is_named_with_its_images(interval):
    steps = [(GOOD, batch('a.jpg')), (BAD, batch('b.jpg', 'c.jpg')),
             (BAD, batch('d.jpg'))]  # fmt: skip
    with pytest.raises(UserError) as caught:
        run(FiniteLossHook(interval), *steps)
    message = str(caught.value)
    assert 'step 2' in message and 'b.jpg, c.jpg' in message
    assert '(det_loss_bbox)' in message
    assert 'd.jpg' not in message and 'a.jpg' not in message


def test_no_broken_checkpoint_replaces_a_good_one():
    """A training is resumed from the last checkpoint before the bad step."""
    hook, saved = FiniteLossHook(interval=50), []
    hook.after_train_iter(RunnerAt(), 0, batch('a.jpg'), BAD)
    checkpoints = WholeCheckpointHook(interval=1)
    checkpoints.out_dir = 'work_dir'
    checkpoints.file_backend = SimpleNamespace(join_path=os.path.join)
    runner = SimpleNamespace(
        message_hub=SimpleNamespace(update_info=lambda *_: None),
        call_hook=lambda name: getattr(hook, name)(runner),
        save_checkpoint=lambda *_, **__: saved.append('checkpoint'),
    )
    with pytest.raises(UserError, match='step 1 is not finite'):
        checkpoints._save_checkpoint_with_step(runner, 1, {})
    assert not saved


def test_the_images_of_branches_are_found():
    data = dict(data_samples=dict(det=[sample('s.jpg'), None],
                                  reid=[None, sample('m.jpg')]))  # fmt: skip
    with pytest.raises(UserError, match=r's\.jpg, m\.jpg'):
        run(FiniteLossHook(), (BAD, data))
