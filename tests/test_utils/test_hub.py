"""Published models are fetched from a hub and checked, file by file."""

import pytest

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.hub import SUMS, check_sums, sums_of
from mmdet_ps.utils.weights_store import find_model, find_weights

from ..hub_server import COMMIT, hub

pytest.importorskip('huggingface_hub')
ADDRESS = 'hf://somebody/model'


@pytest.fixture
def published(tmp_path):
    """A folder of the form of a published model."""
    folder = tmp_path / 'published'
    folder.mkdir()
    for name in ('model.safetensors', 'config.py', 'scores.json', 'README.md'):
        (folder / name).write_text(f'content of {name}')
    (folder / SUMS).write_text(sums_of(folder))
    (folder / 'more.py').write_text('raise SystemExit')
    return folder


@pytest.fixture
def server(published, tmp_path, monkeypatch):
    """A hub that has the model."""
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.setenv('HF_HOME', str(tmp_path / 'home'))
    monkeypatch.delenv('MMDET_PS_OFFLINE', raising=False)
    with hub({'somebody/model': published}) as server:
        monkeypatch.setenv('HF_ENDPOINT', server.address)
        yield server


def test_a_model_is_fetched_into_the_folder_of_weights(server, tmp_path):
    folder = find_model(ADDRESS)
    assert folder.is_relative_to(tmp_path / 'weights/hub')
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        'README.md', SUMS, 'config.py', 'model.safetensors', 'scores.json',
    ]  # fmt: skip
    weights = find_weights(ADDRESS)
    assert weights.read_text() == 'content of model.safetensors'


def test_a_revision_is_asked_for(server):
    find_model(f'{ADDRESS}@{COMMIT}')
    assert server.asked
    assert not any('/main' in line for line in server.asked)
    with pytest.raises(UserError, match='hf://somebody/model@v9') as error:
        find_model(f'{ADDRESS}@v9')
    assert 'check the name and the revision' in str(error.value)


def test_without_a_network_what_is_there_is_taken(server, monkeypatch):
    folder = find_model(ADDRESS)
    asked = len(server.asked)
    monkeypatch.setenv('MMDET_PS_OFFLINE', '1')
    assert find_model(ADDRESS) == folder
    with pytest.raises(UserError, match='Where there is no network, copy'):
        find_model('hf://somebody/else')
    assert len(server.asked) == asked


def test_an_unknown_model_is_one_line(server):
    with pytest.raises(UserError, match='cannot be fetched') as error:
        find_model('hf://somebody/else')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('address', ['hf://model', 'hf://a/b/c', 'hf://a/b@'])
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(UserError, match='write hf://OWNER/NAME'):
        find_model(address)


def test_a_file_that_was_changed_on_its_way_is_refused(server, published):
    (published / 'config.py').write_text('content of another')
    with pytest.raises(UserError, match='config.py: is not the published'):
        find_model(ADDRESS)


@pytest.mark.parametrize(
    'change, text',
    [
        (lambda sums: sums.unlink(), f'holds no {SUMS}'),
        (lambda sums: sums.write_text(''), 'does not list model.safetensors'),
        (
            lambda sums: sums.write_text(f'{sums.read_text()}00  ../x\n'),
            'lists ../x',
        ),
        (
            lambda sums: (sums.parent / 'README.md').unlink(),
            'README.md: is missing',
        ),
    ],
)
def test_a_list_that_does_not_fit_is_refused(published, change, text):
    (published / 'more.py').unlink()
    change(published / SUMS)
    with pytest.raises(UserError, match=text):
        check_sums(published)
