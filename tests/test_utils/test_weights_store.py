"""Weights by name: found, fetched whole, or said to be missing."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mmengine.runner.checkpoint as mmengine_checkpoint
import pytest
import torch

from mmdet_ps.utils.safe_load import CheckpointError
from mmdet_ps.utils.weights_store import (
    find_weights,
    load_from_store,
    remote_weights,
)

from .test_safe_load import Evil, saved

CONTENT = saved()
DIGEST = hashlib.sha256(CONTENT).hexdigest()
GOOD = f'net-{DIGEST[:8]}.pth'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of weights, and PyTorch's own, both empty."""
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.delenv('MMDET_PS_OFFLINE', raising=False)
    return tmp_path / 'weights'


@pytest.fixture
def server():
    """Answers requests by file name; the address."""
    files = {
        GOOD: CONTENT,
        'net.pth': CONTENT,
        'net-00000000.pth': CONTENT,
        'page.pth': b'<html>log in</html>',
        'cut.pth': CONTENT,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.split('/')[-1]
            content = files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header('Content-Length', len(content))
            self.end_headers()
            self.wfile.write(content[:100] if name == 'cut.pth' else content)

        def log_message(self, *args):
            pass

    http = HTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f'http://127.0.0.1:{http.server_port}'
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_file_is_fetched_once_and_kept(folder, server):
    path = find_weights(f'{server}/{GOOD}')
    assert path == folder / GOOD and path.read_bytes() == CONTENT
    assert [p.name for p in folder.iterdir()] == [GOOD]
    # A server that is gone does not matter any more.
    assert find_weights(f'http://127.0.0.1:9/x/{GOOD}') == path
    assert 'state_dict' in load_from_store(f'http://127.0.0.1:9/{GOOD}')


def test_files_that_pytorch_has_fetched_are_used(folder):
    path = Path(torch.hub.get_dir(), 'checkpoints', GOOD)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert find_weights(f'https://nowhere.invalid/{GOOD}') == path


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('net-00000000.pth', 'is not the published file'),
        ('page.pth', 'is a web page'),
        ('cut.pth', 'IncompleteRead'),
        ('none.pth', '404'),
    ],
)
def test_what_is_not_the_file_is_not_kept(folder, server, name, reason):
    with pytest.raises(CheckpointError, match=reason) as error:
        find_weights(f'{server}/{name}')
    text = str(error.value)
    assert name in text and server in text and str(folder) in text
    assert 'prepare_weights.py' in text and '\n' not in text
    assert not list(folder.iterdir())


def test_a_file_put_there_is_checked(folder):
    folder.mkdir()
    (folder / 'net-00000000.pth').write_bytes(CONTENT)
    with pytest.raises(CheckpointError, match=f'with {DIGEST[:8]}, not'):
        find_weights('https://nowhere.invalid/net-00000000.pth')


def test_without_a_network_the_file_and_its_place_are_named(
    folder, monkeypatch
):
    monkeypatch.setenv('MMDET_PS_OFFLINE', '1')
    monkeypatch.setattr(
        'urllib.request.urlopen', lambda *args, **kwargs: pytest.fail('asked')
    )
    with pytest.raises(CheckpointError, match='MMDET_PS_OFFLINE is set') as e:
        find_weights('open-mmlab://detectron2/resnet50_caffe')
    text = str(e.value)
    assert text.startswith('resnet50_msra-5891d200.pth (open-mmlab://')
    assert 'https://' in text and 'put it there' in text
    assert str(folder) in text and '\n' not in text


def test_names_that_nobody_knows_come_with_the_nearest(folder):
    with pytest.raises(CheckpointError, match='torchvision://resnet50'):
        find_weights('torchvision://resnet50x')
    with pytest.raises(CheckpointError, match='s3://.*give its path'):
        find_weights('s3://bucket/net.pth')


SCHEMES = [
    '',
    'http://127.0.0.1:9/',
    'https://127.0.0.1:9/',
    'torchvision://',
    'modelzoo://',
    'open-mmlab://',
    'openmmlab://',
    'mmcls://',
]


@pytest.mark.parametrize('scheme', SCHEMES)
def test_mmengine_runs_no_code_whatever_names_the_file(
    scheme, folder, tmp_path, monkeypatch
):
    folder.mkdir()
    mark = tmp_path / 'code-was-run'
    torch.save(dict(state_dict={}, meta=Evil(mark)), folder / 'net.pth')
    for known in ('torchvision', 'external', 'mmcls'):
        monkeypatch.setattr(
            mmengine_checkpoint,
            f'get_{known}_models',
            lambda: dict(net='https://127.0.0.1:9/net.pth'),
        )
    name = f'{scheme}net' if scheme.count('/') == 2 else f'{scheme}net.pth'
    name = name.replace('9/net', '9/net.pth') if ':9/' in scheme else name
    name = name.replace('.pth.pth', '.pth')
    if not scheme:
        name = str(folder / 'net.pth')
    for load in (
        mmengine_checkpoint.CheckpointLoader.load_checkpoint,
        lambda name: mmengine_checkpoint.load_checkpoint(
            torch.nn.Linear(1, 1), name
        ),
        lambda name: mmengine_checkpoint._load_checkpoint_with_prefix(
            'backbone', name
        ),
    ):
        with pytest.raises(CheckpointError, match='mkdir'):
            load(name)
    assert not mark.exists()


def test_no_loader_of_mmengine_is_left():
    schemes = mmengine_checkpoint.CheckpointLoader._schemes
    assert set(schemes.values()) == {load_from_store}
    assert {'', 'http://', 'https://', 'pavi://'} <= set(schemes)


def test_configurations_in_a_checkpoint_are_not_handed_on(tmp_path):
    path = tmp_path / 'net.pth'
    code = 'raise SystemExit'
    torch.save(
        dict(
            state_dict={},
            meta=dict(config=code, cfg=code, epoch=1),
            message_hub=dict(runtime_info=dict(cfg=code, iter=2)),
        ),
        path,
    )
    content = load_from_store(str(path))
    assert content['meta'] == dict(epoch=1)
    assert content['message_hub'] == dict(runtime_info=dict(iter=2))


def test_the_backbone_of_a_classifier_loses_its_prefix(folder, monkeypatch):
    folder.mkdir()
    weights = {'backbone.conv': torch.ones(1), 'head.fc': torch.ones(1)}
    torch.save(dict(state_dict=weights), folder / 'net.pth')
    monkeypatch.setattr(
        mmengine_checkpoint,
        'get_mmcls_models',
        lambda: dict(net='https://127.0.0.1:9/net.pth'),
    )
    assert set(load_from_store('mmcls://net')['state_dict']) == {'conv'}


def test_weights_of_a_configuration_are_found():
    config = dict(
        load_from='https://a/x.pth',
        model=dict(
            backbone=dict(
                init_cfg=dict(type='Pretrained', checkpoint='torchvision://r')
            ),
            parts=[dict(pretrained='open-mmlab://y'), dict(pretrained=None)],
            init_cfg=dict(type='Pretrained', checkpoint='work_dirs/a.pth'),
        ),
    )
    assert remote_weights(config) == [
        'https://a/x.pth',
        'torchvision://r',
        'open-mmlab://y',
    ]


@pytest.mark.parametrize('weights', [[1], {3: torch.ones(1)}, None])
def test_names_that_are_no_text_are_refused(weights, tmp_path):
    path = tmp_path / 'net.pth'
    torch.save(dict(state_dict=weights), path)
    with pytest.raises(CheckpointError, match='by their names'):
        load_from_store(str(path))
