import pytest
import torch
from torch import nn

from mmdet_ps.engine.optimizers import PartsOptimWrapperConstructor


class TwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(2, 2)
        self.reid_head = nn.Linear(2, 1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, x):
        return self.reid_head(self.stem(x)).sum()


PARTS = dict(
    det=dict(
        optimizer=dict(type='SGD', lr=0.1, weight_decay=0.5),
        bias=dict(weight_decay=0.0),
    ),
    reid=dict(
        keys=['reid'], optimizer=dict(type='Adam', lr=0.01, weight_decay=0.5)
    ),
)


def wrapper(model, **options):
    cfg = dict(type='OptimWrapper', parts=PARTS, **options)
    return PartsOptimWrapperConstructor(cfg)(model)


def test_parameters_go_to_their_part():
    model = TwoParts()
    parts = {
        name: part.optimizer.param_groups
        for name, part in wrapper(model).items()
    }
    assert [g['params'] for g in parts['det']] == [
        [model.stem.weight],
        [model.stem.bias],
    ]
    assert [g['weight_decay'] for g in parts['det']] == [0.5, 0.0]
    assert [g['weight_decay'] for g in parts['reid']] == [0.5, 0.5]
    assert parts['reid'][0]['params'] == [model.reid_head.weight]


def test_one_update_equals_two_optimizers_by_hand():
    model, twin = TwoParts(), TwoParts()
    joint = wrapper(model)
    sgd = torch.optim.SGD(
        [
            dict(params=[twin.stem.weight], weight_decay=0.5),
            dict(params=[twin.stem.bias]),
        ],
        lr=0.1,
    )
    adam = torch.optim.Adam(
        twin.reid_head.parameters(), lr=0.01, weight_decay=0.5
    )
    for step in range(3):
        x = torch.full((4, 2), step + 1.0)
        with joint.optim_context(model):
            loss = model(x)
        joint.update_params(loss)
        for optimizer in (sgd, adam):
            optimizer.zero_grad()
        twin(x).backward()
        for optimizer in (sgd, adam):
            optimizer.step()
    for ours, theirs in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(ours, theirs)


def test_accumulation_waits_for_the_last_step():
    model = TwoParts()
    joint = wrapper(model, accumulative_counts=2)
    joint.initialize_count_status(model, 0, 4)
    before = [p.clone() for p in model.parameters()]
    joint.update_params(model(torch.ones(1, 2)))
    assert all(map(torch.equal, before, model.parameters()))
    joint.update_params(model(torch.ones(1, 2)))
    assert not torch.equal(before[0], model.stem.weight)
    assert not torch.equal(before[2], model.reid_head.weight)


def test_clipping_takes_the_norm_of_all_parts():
    model = TwoParts()
    joint = wrapper(model, clip_grad=dict(max_norm=1e-3))
    model(torch.ones(1, 2) * 1e3).backward()
    joint.step()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_state_survives_saving():
    model = TwoParts()
    joint = wrapper(model)
    joint.update_params(model(torch.ones(1, 2)))
    other = wrapper(model)
    other.load_state_dict(joint.state_dict())
    for name in ('det', 'reid'):
        assert (
            other[name].optimizer.state_dict()
            == joint[name].optimizer.state_dict()
        )


def test_parts_must_cover_the_model():
    parts = dict(reid=PARTS['reid'])
    with pytest.raises(ValueError, match='must have no keys'):
        PartsOptimWrapperConstructor(dict(type='OptimWrapper', parts=parts))
    with pytest.raises(ValueError, match='paramwise_cfg'):
        PartsOptimWrapperConstructor(
            dict(type='OptimWrapper', parts=PARTS), dict(norm_decay_mult=0)
        )
