"""Every command that reads weights, given a stranger's or a broken file."""

import contextlib
from pathlib import Path

import pytest
import torch

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.apis import init_model
from mmdet_ps.models.backbones.pretrained import resnet18, resnet50
from mmdet_ps.utils.safe_load import CheckpointError

from ..test_apis import colour_model
from ..test_utils.test_safe_load import WRONG_FILES, Evil
from .toy_run import CONFIG, call_tool

TOOLS = Path(__file__).parents[2] / 'tools'
CONVERTERS = ('alignps', 'coat', 'deep_person_search', 'gfn', 'seqnet')


class Commands:
    """Calls of everything that takes a file of weights."""

    def __init__(self, tmp_path, monkeypatch):
        self.folder, self.monkeypatch = tmp_path, monkeypatch
        self.toy = tmp_path / 'toy.py'
        self.toy.write_text(CONFIG)
        self.colour = tmp_path / 'colour.py'
        self.colour.write_text(colour_model.CONFIG)

    def tool(self, name, *arguments):
        """Run a tool within this process."""
        call_tool(self.monkeypatch, TOOLS / name, *arguments)

    def run(self, name, path, *trust):
        """Give one command the file."""
        out, work = self.folder / 'out.pth', ['--work-dir', self.folder / 'w']
        if name in CONVERTERS:
            self.tool(f'model_converters/{name}.py', path, out, *trust)
        elif name == 'format':
            tool = 'model_converters/format_pretrained_weights.py'
            self.tool(tool, path, out, *trust)
        elif name == 'test':
            self.tool('test.py', self.toy, path, *work, *trust)
        elif name in ('load-from', 'resume'):
            self.tool('train.py', self.toy, f'--{name}', path, *work, *trust)
        elif name == 'search':
            arguments = [self.colour, path, self.folder, '--query', 'x.png']
            self.tool('search_folder.py', *arguments, *trust)
        elif name == 'init_model':
            init_model(self.colour, path, trust=bool(trust))
        elif name == 'init_detector':
            from mmdet.apis import init_detector

            init_detector(str(self.toy), str(path), device='cpu')
        elif name == 'resnet50':
            resnet50(pretrained=str(path), trust=bool(trust))
        else:
            init = dict(type='Pretrained', checkpoint=str(path))
            resnet18(init_cfg=init).init_weights()


NAMES = [
    *CONVERTERS,
    *('format', 'test', 'load-from', 'resume', 'search'),
    *('init_model', 'init_detector', 'resnet50', 'init_cfg'),
]


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('name', NAMES)
def test_no_code_of_a_stranger_runs(name, zipped, tmp_path, monkeypatch):
    path, mark = tmp_path / 'stranger.pth', tmp_path / 'code-was-run'
    torch.save(
        dict(
            state_dict={'backbone.weight': torch.ones(2, 2)},
            meta=dict(epoch=1, iter=1, extra=Evil(mark)),
        ),
        path,
        _use_new_zipfile_serialization=zipped,
    )
    commands = Commands(tmp_path, monkeypatch)
    with pytest.raises(CheckpointError, match='posix.mkdir.*--trust'):
        commands.run(name, path)
    assert not mark.exists()
    if name in ('init_detector', 'init_cfg'):
        return  # they have no way to say that a file is trusted
    with contextlib.suppress(CheckpointError, KeyError):  # of another model
        commands.run(name, path, '--trust')
    assert mark.exists(), 'the file of this test does what it should'


def test_a_configuration_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    """mmengine runs the text ``config`` of what it resumes from."""
    mark = tmp_path / 'code-was-run'
    commands = Commands(tmp_path, monkeypatch)
    commands.tool('train.py', commands.toy, '--work-dir', tmp_path / 'w')
    path = tmp_path / 'w/epoch_1.pth'
    content = torch.load(path, weights_only=False)
    content['meta']['config'] = f'import os\nos.mkdir({str(mark)!r})\n'
    torch.save(content, path)
    commands.tool(
        'train.py',
        *(commands.toy, '--work-dir', tmp_path / 'w', '--resume', path),
        *('--cfg-options', 'train_cfg.max_epochs=2'),
    )
    assert (tmp_path / 'w/epoch_2.pth').is_file()
    assert not mark.exists()


@pytest.mark.parametrize('name', NAMES)
def test_files_that_hold_no_weights_are_one_line(name, tmp_path, monkeypatch):
    path = tmp_path / 'weights.pth'
    commands = Commands(tmp_path, monkeypatch)
    kinds = ('page', 'pointer', 'empty', 'cut', 'legacy-cut')
    for kind in kinds:
        content, message = WRONG_FILES[kind]
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message) as error:
            commands.run(name, path)
        assert str(path) in str(error.value)
        assert '--trust' not in str(error.value)


def test_only_one_place_reads_pickles():
    """Whatever else called torch.load would run what a file says."""
    found = set()
    for folder in ('mmdet_ps', 'tools', 'lab', 'benchmarks'):
        for path in (TOOLS.parent / folder).rglob('*.py'):
            text = path.read_text()
            if any(
                word in text
                for word in (
                    *('torch.load(', 'load_state_dict_from_url', 'load_url('),
                    *('pickle.load', 'Unpickler', 'joblib', 'dill'),
                    'allow_pickle=True',
                )
            ):
                found.add(path.relative_to(TOOLS.parent).as_posix())
    assert found == {
        'mmdet_ps/utils/safe_load.py',
        # Unpicklers that admit numbers and plain containers.
        'mmdet_ps/datasets/native/luperson.py',
        'mmdet_ps/evaluation/safe_pickle.py',
    }
