import pytest
import torch

from mmdet_ps.utils.devices import require_device
from mmdet_ps.utils.errors import UserError


def test_a_device_that_is_not_there_is_named(monkeypatch):
    assert require_device('cpu').type == 'cpu'
    with pytest.raises(UserError, match="'gpu': there is none of this name"):
        require_device('gpu')
    for count, name in ((0, 'cuda'), (1, 'cuda:1')):
        monkeypatch.setattr(torch.cuda, 'device_count', lambda n=count: n)
        monkeypatch.setattr(torch.cuda, 'is_available', lambda n=count: n > 0)
        with pytest.raises(UserError, match=f"'{name}': PyTorch sees"):
            require_device(name)
    assert require_device('cuda:0').index == 0
