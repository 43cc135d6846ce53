from types import SimpleNamespace

import pytest
import torch
from torch import nn

import mmdet_ps.registration  # noqa: F401
from mmdet_ps.engine.hooks import CheckedLoadHook
from mmdet_ps.models.alignment import DomainAlignment
from mmdet_ps.models.detectors import NearStartTerm
from mmdet_ps.models.losses import OIMLoss, SoftmaxIdentityLoss
from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.checkpoint import CheckpointError
from mmdet_ps.utils.errors import UserError


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)


class Wrapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.detector = Detector()


def load(model, state, resume=False, **options):
    """What the hook makes of a checkpoint, and what it logs."""
    lines = []
    runner = SimpleNamespace(
        model=model,
        logger=SimpleNamespace(info=lines.append),
        _load_from='weights.pth',
        _resume=resume,
    )
    meta = dict(epoch=1, iter=2)
    checkpoint = dict(state_dict=state, meta=meta, message_hub={})
    CheckedLoadHook(**options).after_load_checkpoint(runner, checkpoint)
    return checkpoint['state_dict'], '\n'.join(lines)


@pytest.mark.parametrize(
    'state',
    [
        Detector().state_dict(),
        Detector().backbone.state_dict(),
        Wrapper().state_dict(),
        {f'module.{k}': v for k, v in Detector().state_dict().items()},
    ],
    ids=['detector', 'backbone', 'wrapped', 'distributed'],
)
@pytest.mark.parametrize('model', [Detector(), Wrapper()])
def test_every_layout_reaches_the_backbone(state, model):
    given, log = load(model, state)
    result = model.load_state_dict(given, strict=False)
    assert not result.unexpected_keys
    assert not [k for k in result.missing_keys if 'backbone' in k]
    assert f'{len(given)} loaded' in log


def test_what_did_not_load_is_listed():
    state = Detector().state_dict()
    state['head.weight'] = torch.zeros(5, 2)
    state['memory'] = torch.zeros(1)
    del state['head.bias']
    _, log = load(Detector(), state)
    assert '2 loaded, 1 missing, 1 unexpected, 1 mis-shaped' in log
    assert 'head.weight: model (1, 2), file (5, 2)' in log


def test_a_backbone_that_loads_nothing_is_an_error():
    state = {'head.weight': torch.zeros(1, 2), 'stem.weight': torch.zeros(1)}
    with pytest.raises(CheckpointError, match='weights.pth.*backbone'):
        load(Detector(), state)


def seen(model):
    """The model after its memories took in some persons and features, and
    after a copy of its start was taken."""
    rows = torch.tensor([[3.0, 4.0], [0.0, 1.0], [1.0, 1.0]])
    model.matcher.train()(rows, torch.tensor([1, 0, UNLABELLED]))
    model.classifier(rows[:2], torch.tensor([0, 1]))
    model.alignment(rows, torch.tensor([0, 0, 1]))
    model.near_start.take(model.backbone)
    return model


class Searcher(Detector):
    """A detector with everything that holds persons, sources or a start."""

    def __init__(self, num_identities=4, queue_size=5):
        super().__init__()
        self.matcher = OIMLoss(num_identities, queue_size, embed_dims=2)
        self.classifier = SoftmaxIdentityLoss(num_identities, embed_dims=2)
        self.alignment = DomainAlignment(2, num_sources=2, queue_size=3)
        self.near_start = NearStartTerm(self.backbone, [2])


STATE = ('matcher', 'classifier', 'alignment', 'near_start')


@pytest.mark.parametrize('sizes', [(4, 5), (6, 5), (4, 2)])
def test_only_a_resumed_training_keeps_its_persons(sizes):
    torch.manual_seed(0)
    source = seen(Searcher(*sizes)).state_dict()
    assert source['matcher.memory.count'] == source['matcher.memory.tail'] == 1
    torch.manual_seed(1)
    model = Searcher()
    fresh = {k: v.clone() for k, v in model.state_dict().items()}
    given, log = load(model, source)
    model.load_state_dict(given, strict=False)
    for key, value in model.state_dict().items():
        expected = fresh if key.startswith(STATE) else source
        torch.testing.assert_close(value, expected[key], equal_nan=True)
    assert 'holds the persons, the sources or the start of another' in log
    assert '0 missing, 0 unexpected, 0 mis-shaped' in log


@pytest.mark.parametrize('left_out', ['head', ['head']])
@pytest.mark.parametrize('keep_memories', [False, True])
def test_modules_that_are_left_out_start_afresh(keep_memories, left_out):
    options = dict(leave_out=left_out, keep_memories=keep_memories)
    model, source = Searcher(), seen(Searcher()).state_dict()
    given, log = load(model, source, **options)
    assert not [key for key in given if key.startswith('head')]
    assert ('matcher.memory.count' in given) == keep_memories
    assert 'head are left out' in log and '0 missing' in log
    # All the same a killed training goes on with them, and a test needs them.
    for where in (dict(resume=True), dict(complete=True)):
        given, _ = load(model, source, **options, **where)
        assert 'head.weight' in given


def test_a_module_to_leave_out_that_is_not_there():
    with pytest.raises(UserError, match="'neck'.* backbone, head"):
        load(Detector(), Detector().state_dict(), leave_out=['neck'])


@pytest.mark.parametrize(
    'options', [dict(resume=True), dict(keep_memories=True)]
)
def test_memories_are_taken_over_on_demand(options):
    source = seen(Searcher()).state_dict()
    model = Searcher()
    model.load_state_dict(load(model, source, **options)[0])
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, source[key], equal_nan=True)
