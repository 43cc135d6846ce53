"""A published model answers as the checkpoint that it was made of."""

import json
import subprocess

import numpy as np
import pytest
import torch

from mmdet_ps.apis import detect, init_model
from mmdet_ps.apis.model_card import Publication
from mmdet_ps.apis.publishing import publish, read_scores
from mmdet_ps.utils.checkpoint import load_weights
from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.safe_load import CheckpointError, load_file

from ..hub_server import hub

pytest.importorskip('safetensors')
CONFIG = 'nae_r18-c4_1xb4-300_prw'
ROW = dict(
    branch='default', protocol='standard', gallery_size=None, num_queries=7,
    mAP=0.4567, top1=0.8, top5=0.9, top10=1.0, evaluator='evaluator 1.1',
    file='prw.json',
)  # fmt: skip
ABOUT = Publication('somebody/model', 'cc-by-nc-4.0', 'A note.', [ROW])


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint with the configuration in it, and its model."""
    patch = pytest.MonkeyPatch()
    patch.setenv('DATA_ROOT', '/somewhere/of/mine')
    cfg = read_config(CONFIG)
    patch.undo()
    cfg.work_dir, cfg.load_from = '/of/mine', 'start.pth'
    torch.manual_seed(0)
    model = init_model(cfg)
    path = tmp_path_factory.mktemp('trained') / 'iter_300.pth'
    meta = dict(cfg=cfg.pretty_text, iter=300, seed=3, experiment_name='nae')
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path, model


@pytest.fixture(scope='module')
def published(trained, tmp_path_factory):
    """The folder that is made of it; do not change it."""
    folder = tmp_path_factory.mktemp('to') / 'model'
    return publish(trained[0], folder, ABOUT)


def assert_same_answers(first, second):
    image = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    for one, other in zip(detect(first, image), detect(second, image)):
        assert len(one) and np.array_equal(one, other)


def test_it_answers_alike_out_of_the_folder_and_from_a_hub(
    trained, published, tmp_path, monkeypatch
):
    pytest.importorskip('huggingface_hub')
    assert_same_answers(trained[1], init_model(published))
    assert_same_answers(trained[1], init_model(CONFIG, published))
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.setenv('HF_HOME', str(tmp_path / 'home'))
    with hub({'somebody/model': published}) as server:
        monkeypatch.setenv('HF_ENDPOINT', server.address)
        model = init_model('hf://somebody/model@main')
        other = init_model(CONFIG, 'hf://somebody/model')
    assert_same_answers(trained[1], model)
    assert_same_answers(trained[1], other)


def test_the_files_are_usual_ones(published):
    subprocess.run(
        ['sha256sum', '-c', '--quiet', 'SHA256SUMS'],
        cwd=published,
        check=True,
    )
    cfg = read_config(published / 'config.py')
    weights = published / 'model.safetensors'
    modes = {path.stat().st_mode for path in published.iterdir()}
    assert len(modes) == 1
    model = init_model(cfg, weights)
    assert load_weights(model, weights).loaded


def test_what_only_a_training_uses_stays_behind(trained, published):
    keys = load_file(published / 'model.safetensors').keys()
    left = trained[1].state_dict().keys() - keys
    assert left and all('loss' in key for key in left)


def test_the_configuration_names_no_place_of_the_publisher(published):
    text = (published / 'config.py').read_text()
    assert 'of/mine' not in text and 'load_from' not in text
    assert read_config(published / 'config.py').data_root == 'data/PRW/'


def test_the_card_holds_the_scores_with_their_evaluator(published):
    card = (published / 'README.md').read_text()
    assert card.startswith('---\nlibrary_name: mmdet_ps\nlicense: cc-by-nc')
    assert (
        '| prw.json | default | standard | all | 7 | 45.67 | 80.00 '
        '| evaluator 1.1 |'
    ) in card
    for text in (
        'A note.',
        "init_model('hf://somebody/model')",
        '`300`',
        '`data/PRW/`',
    ):
        assert text in card
    assert json.loads((published / 'scores.json').read_text()) == [ROW]


def test_a_damaged_folder_is_refused(published, tmp_path):
    copy = tmp_path / 'copy'
    copy.mkdir()
    for path in published.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    with open(copy / 'model.safetensors', 'r+b') as file:
        file.seek(-4, 2)
        file.write(b'\xff\x00\xff\x00')
    with pytest.raises(UserError, match='is not the published file'):
        init_model(copy)


def test_nothing_is_overwritten_and_nothing_half_written(trained, tmp_path):
    with pytest.raises(UserError, match='is there already'):
        publish(trained[0], tmp_path, ABOUT)
    torch.save(dict(state_dict=trained[1].state_dict()), tmp_path / 'bare.pth')
    with pytest.raises(UserError, match='name it: --config CONFIG'):
        publish(tmp_path / 'bare.pth', tmp_path / 'out', ABOUT)
    with pytest.raises(CheckpointError, match='does not belong'):
        publish(trained[0], tmp_path / 'out', ABOUT, 'oim_r18-c4_1xb4-300_prw')
    assert [path.name for path in tmp_path.iterdir()] == ['bare.pth']


def test_scores_without_an_evaluator_are_refused(tmp_path):
    file = tmp_path / 'scores.json'
    for content in ('{"search/mAP": 0.5}', '[]', '[{"mAP": 0.5}]', '{'):
        file.write_text(content)
        with pytest.raises(UserError, match='scores.json: '):
            read_scores([file])
    file.write_text(json.dumps([ROW]))
    assert read_scores([file]) == [{**ROW, 'file': 'scores.json'}]


def test_a_file_of_tensors_that_is_none_is_refused(tmp_path):
    file = tmp_path / 'model.safetensors'
    file.write_bytes(b'\x08' + bytes(7) + b'{"a": 1}')
    with pytest.raises(CheckpointError, match='no file of tensors'):
        load_file(file)
