"""What is tested, searched with or resumed is a whole model."""

from pathlib import Path

import pytest
import torch

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.apis import init_model
from mmdet_ps.utils.checkpoint import CheckpointError
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.hub import FILES, SUMS, WEIGHTS, sums_of

from .toy_run import CONFIG, ToyModel, call_tool

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Give weights to train.py or test.py, or to init_model."""

    def call(tool, state, **parts):
        config, path = tmp_path / 'toy.py', tmp_path / 'weights.pth'
        config.write_text(CONFIG)
        torch.save(dict(state_dict=state, **parts), path)
        words = [config, '--work-dir', tmp_path / 'work']
        if tool == 'init_model':
            return init_model(config, path)
        if tool == 'test':
            words.append(path)
            tool = 'test'
        else:
            words += ['--resume', path]
        return call_tool(monkeypatch, TOOLS / f'{tool}.py', *words)

    return call


@pytest.mark.parametrize('tool', ['test', 'init_model'])
def test_a_backbone_alone_is_refused(tool, run):
    state = ToyModel().state_dict()
    backbone = {k: v for k, v in state.items() if 'backbone' in k}
    with pytest.raises(CheckpointError, match='2 lacking .head.weight') as e:
        run(tool, backbone)
    assert '\n' not in str(e.value)
    assert 'loss_reid' not in str(e.value)


@pytest.mark.parametrize('tool', ['test', 'init_model'])
def test_a_weight_of_another_shape_is_refused(tool, run):
    state = ToyModel().state_dict() | {'head.weight': torch.zeros(5, 2)}
    with pytest.raises(CheckpointError, match=r'1 of another shape .*\(5, 2'):
        run(tool, state)


@pytest.mark.parametrize('tool', ['test', 'init_model'])
def test_the_number_of_training_identities_does_not_matter(tool, run):
    run(tool, ToyModel(num_identities=7).state_dict())
    state = ToyModel().state_dict()
    run(tool, {k: v for k, v in state.items() if 'loss' not in k})
    run(tool, state | {'mutual_information.network.weight': torch.ones(1)})


def test_what_an_unfit_file_holds_is_named(run):
    state = ToyModel().state_dict() | {'neck.weight': torch.ones(1)}
    with pytest.raises(CheckpointError, match='unknown.*neck.weight'):
        run('init_model', state)


def test_resuming_needs_the_state_of_this_training(run):
    state = ToyModel().state_dict()
    with pytest.raises(CheckpointError, match='no meta.*--load-from'):
        run('train', state)
    hub = dict(log_scalars={}, runtime_info={}, resumed_keys={})
    parts = dict(meta=dict(epoch=1, iter=2), optimizer={}, message_hub=hub)
    with pytest.raises(UserError, match='no state .* can resume .*KeyError'):
        run('train', state, **parts)
    strange = dict(parts, meta=dict(epoch='x', iter=2))
    with pytest.raises(CheckpointError, match="its epoch is 'x'"):
        run('train', state, **strange)
    with pytest.raises(CheckpointError, match='another conf.*lookup_table'):
        run('train', ToyModel(num_identities=7).state_dict(), **parts)


def test_the_folder_of_a_published_model_is_tested_and_started_from(
    tmp_path, monkeypatch
):
    safetensors = pytest.importorskip('safetensors.torch')
    folder, config = tmp_path / 'published', tmp_path / 'toy.py'
    folder.mkdir()
    config.write_text(CONFIG)
    state = ToyModel().state_dict()
    for name in FILES:
        (folder / name).write_text('')
    safetensors.save_file(state, folder / WEIGHTS)
    (folder / SUMS).write_text(sums_of(folder))
    words = [config, '--work-dir', tmp_path / 'work']
    call_tool(monkeypatch, TOOLS / 'test.py', *words, folder)
    loaded = []
    monkeypatch.setattr(
        ToyModel,
        'train_step',
        lambda self, *_, **__: loaded.append(self.head.weight.clone()) or {},
    )
    train = TOOLS / 'train.py'
    call_tool(monkeypatch, train, *words, '--load-from', folder)
    assert torch.equal(loaded[0], state['head.weight'])
    (folder / WEIGHTS).unlink()
    for tool, *more in (('test', folder), ('train', '--load-from', folder)):
        with pytest.raises(UserError, match='published: .*(missing|no such)'):
            call_tool(monkeypatch, TOOLS / f'{tool}.py', *words, *more)
