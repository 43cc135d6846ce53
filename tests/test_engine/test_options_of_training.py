"""Options of a training that save memory or time compute the same."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from mmdet_ps.engine.hooks import ChannelsLastHook
from mmdet_ps.engine.search_runner import SearchRunner, convert_norms
from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.utils.errors import UserError
from tests.test_models import spread
from tests.test_models.thin_methods import METHODS, thin_config, thin_model
from tests.test_models.two_stage import build

QUICK = ('nae', 'alignps')
EVERY = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in METHODS
]


def losses_and_gradients(model, name):
    """Of a step with the norms of the backbone fixed."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    data = model.data_preprocessor(spread.batch(name, 0, range(2)), True)
    torch.manual_seed(0)
    with spread.same_draws():
        loss, log = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    gradients = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return log, gradients


def checkpointed(method):
    """A thin model that computes its ResNets twice."""
    config = thin_config(method)
    parts = [config.backbone]
    head = config.get('roi_head') or {}
    tops = [head.get(key) for key in ('shared_head', 'first_top')]
    tops.append((head.get('reid_head') or {}).get('top'))
    parts += [top for top in tops if top]
    for part in parts:
        part.with_cp = True
    model = build(config)
    model.init_weights()
    assert sum(getattr(m, 'with_cp', False) for m in model.modules()) > 4
    return model


@pytest.mark.filterwarnings('ignore')  # mmdet leaves an option open
@pytest.mark.parametrize('method', EVERY)
def test_checkpointing_computes_the_same(method):
    log, gradients = losses_and_gradients(thin_model(method), method)
    other, others = losses_and_gradients(checkpointed(method), method)
    assert others.keys() == gradients.keys()
    for key, value in log.items():
        torch.testing.assert_close(other[key], value, msg=key)
    for key, value in gradients.items():
        torch.testing.assert_close(
            others[key], value, rtol=1e-3, atol=1e-5, msg=key
        )


@pytest.mark.parametrize('method', EVERY)
def test_channels_last_computes_the_same(method):
    log, gradients = losses_and_gradients(thin_model(method), method)

    class Runner:
        model = thin_model(method)

    ChannelsLastHook().before_run(Runner)
    weight = Runner.model.backbone.conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    other, others = losses_and_gradients(Runner.model, method)
    assert others.keys() == gradients.keys()
    for key, value in log.items():
        torch.testing.assert_close(
            other[key], value, rtol=1e-3, atol=1e-4, msg=key
        )


@pytest.mark.parametrize('method', METHODS)
def test_shared_norms_leave_those_of_embeddings(method):
    model = thin_model(method)
    kinds = [type(module) for module in model.modules()]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    parameters = list(map(id, model.parameters()))
    convert_norms(model, 'torch')
    found = [type(module) for module in model.modules()]
    assert found.count(nn.SyncBatchNorm) == kinds.count(nn.BatchNorm2d) > 4
    assert nn.BatchNorm2d not in found
    small = found.count(SmallBatchNorm1d)
    assert small == kinds.count(SmallBatchNorm1d)
    assert bool(small) == (method != 'alignps')
    assert list(map(id, model.parameters())) == parameters
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])


def runner(tmp_path, **settings):
    root = Path(__file__).parents[2] / 'configs/synthetic'
    (path,) = root.glob('nae_r18*_prw.py')
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(settings)
    cfg.work_dir = str(tmp_path)
    cfg.visualizer.name = str(tmp_path)
    cfg.log_level = 'ERROR'
    with DefaultScope.overwrite_default_scope('mmdet'):
        return SearchRunner.from_cfg(cfg)


def test_what_mmengine_would_train_wrongly_is_refused(tmp_path):
    with pytest.raises(UserError, match=r'backbone\.with_cp=True'):
        runner(tmp_path, activation_checkpointing=['backbone'])


def test_shared_norms_need_gpus(tmp_path, monkeypatch):
    made = runner(tmp_path, sync_bn='torch')  # one process: nothing to share
    made.cfg.sync_bn = 'torch'
    made._distributed = True
    with pytest.raises(UserError, match='sync_bn.*need GPUs'):
        made.wrap_model(None, made.model)
