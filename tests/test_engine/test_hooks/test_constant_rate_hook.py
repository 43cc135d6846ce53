"""ConstantRateHook: the marked parameters keep their rate."""

import torch
from mmengine.optim import build_optim_wrapper
from mmengine.optim.scheduler import CosineAnnealingLR
from torch import nn

from mmdet_ps.engine.hooks import ConstantRateHook


class RunnerOf:
    def __init__(self, optim_wrapper):
        self.optim_wrapper = optim_wrapper


def test_marked_parameters_keep_their_rate_while_the_rest_decays():
    model = nn.ModuleDict(
        dict(encoder=nn.Linear(2, 2), predictor=nn.Linear(2, 2))
    )
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.4),
            paramwise_cfg=dict(
                custom_keys=dict(predictor=dict(lr_mult=0.5, constant_lr=True))
            ),
        ),
    )
    schedule = CosineAnnealingLR(wrapper, T_max=4, by_epoch=False)
    hook, seen = ConstantRateHook(), {True: [], False: []}
    for step in range(4):
        hook.before_train_iter(RunnerOf(wrapper), step)
        for group in wrapper.optimizer.param_groups:
            seen[group.get('constant_lr', False)].append(group['lr'])
        wrapper.update_params(model['encoder'](torch.ones(2)).sum())
        schedule.step()
    assert seen[True] == [0.2] * 8  # weight and bias, four steps
    rates = seen[False][::2]
    assert rates[0] == 0.4
    assert all(a > b for a, b in zip(rates, rates[1:]))
