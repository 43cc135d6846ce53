import pytest
import torch
from torch import nn

from mmdet_ps.utils.checkpoint import (
    CheckpointError,
    compare,
    load_weights,
    read_checkpoint,
)


def test_comparison_sorts_the_keys():
    wanted = dict(a=torch.zeros(2), b=torch.zeros(3), c=torch.zeros(1))
    wanted['bn.num_batches_tracked'] = torch.zeros(())
    given = dict(a=torch.ones(2), b=torch.ones(4), d=torch.ones(1))
    report = compare(wanted, given)
    assert report.loaded == ['a']
    assert report.missing == ['c']
    assert report.unexpected == ['d']
    assert {k: tuple(map(tuple, v)) for k, v in report.misshapen.items()} == {
        'b': ((3,), (4,))
    }
    table = report.table()
    assert '1 loaded, 1 missing, 1 unexpected, 1 mis-shaped' in table
    assert 'b: model (3,), file (4,)' in table


def test_long_tables_are_cut():
    report = compare({f'k{i}': torch.zeros(1) for i in range(9)}, {})
    assert '... and 6 more' in report.table(limit=3)
    assert 'k8' in report.table(limit=None)


def test_loading_takes_what_fits(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    weight = torch.full((2, 2), 7.0)
    state = {'module.0.weight': weight, 'module.1.weight': torch.zeros(9, 2)}
    torch.save(state, tmp_path / 'weights.pth')
    report = load_weights(model, tmp_path / 'weights.pth')
    assert torch.equal(model[0].weight, weight)
    assert report.loaded == ['0.weight'] and list(report.misshapen)
    assert report.missing == ['0.bias', '1.bias']


@pytest.mark.parametrize(
    'content, message',
    [
        (b'no weights', 'no file of PyTorch'),
        ([1, 2], 'holds a list'),
        ({'epoch': 3}, 'holds no weights'),
        (None, 'no such file'),
    ],
)
def test_bad_files_are_explained(content, message, tmp_path):
    path = tmp_path / 'weights.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(path)


class Stranger:
    """What a file of weights has no use for."""


def test_files_that_could_run_code_are_refused(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'w': torch.zeros(1)}, 'meta': Stranger()}, path)
    with pytest.raises(CheckpointError, match='Stranger.*--trust'):
        read_checkpoint(path)
    assert 'w' in read_checkpoint(path, trust=True)['state_dict']


@pytest.mark.parametrize(
    'wrap',
    [
        lambda weights: weights,
        lambda weights: dict(state_dict=weights, meta=dict(epoch=3)),
        lambda weights: dict(model=weights, optimizer={}, epoch=3),
        lambda weights: dict(state_dict=dict(detector=weights)),
    ],
    ids=['plain', 'mmengine', 'seqnet', 'deep-person-search'],
)
def test_weights_are_found_where_projects_put_them(wrap, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(wrap({'module.w': torch.zeros(1)}), path)
    assert list(read_checkpoint(path)['state_dict']) == ['w']
