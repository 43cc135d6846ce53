import pytest
import torch

from mmdet_ps.models.backbones import (
    pretrained,
    resnet18,
    resnet50,
    shufflenet_v1,
)
from mmdet_ps.utils.checkpoint import CheckpointError

FACTORIES = [resnet18, resnet50, shufflenet_v1]


def save_backbone(factory, path, prefix=''):
    state = {prefix + k: v for k, v in factory().state_dict().items()}
    torch.save(dict(state_dict=state), path)
    return state


@pytest.mark.parametrize('factory', [resnet18, shufflenet_v1])
@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_weights_load_from_a_file(factory, prefix, tmp_path):
    path = tmp_path / 'weights.pth'
    state = save_backbone(factory, path, prefix)
    loaded = factory(pretrained=str(path)).state_dict()
    assert all(torch.equal(loaded[k], state[prefix + k]) for k in loaded)


def test_pretrained_true_looks_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path))
    state = save_backbone(resnet18, tmp_path / 'resnet18-ps15.pth')
    loaded = resnet18(pretrained=True).state_dict()
    assert torch.equal(loaded['conv1.weight'], state['conv1.weight'])


def test_published_weights_are_downloaded_once(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path / 'cache'))
    monkeypatch.setattr(pretrained, 'PUBLISHED', tmp_path.as_uri())
    published = tmp_path / 'shufflenetv1-ps19.pth'
    state = save_backbone(shufflenet_v1, published)
    for _ in range(2):
        loaded = shufflenet_v1(pretrained=True).state_dict()
        assert torch.equal(
            loaded['conv1.conv.weight'], state['conv1.conv.weight']
        )
        published.unlink(missing_ok=True)


@pytest.mark.parametrize('factory', FACTORIES)
def test_what_cannot_be_downloaded_is_named(factory, tmp_path, monkeypatch):
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path / 'cache'))
    monkeypatch.setattr(pretrained, 'PUBLISHED', tmp_path.as_uri())
    with pytest.raises(CheckpointError, match=str(tmp_path / 'cache')) as e:
        factory(pretrained=True)
    assert tmp_path.as_uri() in str(e.value)
    assert not list((tmp_path / 'cache').iterdir())


def test_a_file_of_another_backbone_is_an_error(tmp_path):
    path = tmp_path / 'weights.pth'
    save_backbone(shufflenet_v1, path)
    with pytest.raises(CheckpointError, match='nothing fits'):
        resnet18(pretrained=str(path))


def test_feature_maps():
    maps = resnet18()(torch.zeros(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == [64, 128, 256, 512]
