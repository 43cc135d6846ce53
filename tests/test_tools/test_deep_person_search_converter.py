"""Conversion of deep-person-search's weights, by a made-up state dict."""

import sys
from pathlib import Path

import pytest
import torch

from mmdet_ps.utils.errors import UserError
from tests.test_golden.golden import load_module

ROOT = Path(__file__).parents[2]
CONVERTER = ROOT / 'tools/model_converters/deep_person_search.py'


def memory(prefix, count, queue_size=5):
    """An OIM criterion whose queue holds its row numbers."""
    rows = torch.arange(float(queue_size))[:, None].repeat(1, 2)
    return {
        f'{prefix}.classifier.weight': torch.ones(3, 2),
        f'{prefix}.classifier.zero_loss': torch.zeros(1),
        f'{prefix}.classifier.unlabeled_input_count': torch.tensor([count]),
        f'{prefix}.classifier.unlabeled_queue': rows,
    }


def head():
    return {
        'roi_heads.box_head.top.conv4_4.1.bn1.weight': torch.ones(1),
        'roi_heads.box_head.top.conv5.0.bn1.weight': torch.ones(1),
        'roi_heads.box_predictor.cls_score.bias': torch.tensor([1.0, 2.0]),
        'roi_heads.box_predictor.bbox_pred.bias': torch.arange(8.0),
    }


@pytest.fixture(scope='module')
def convert():
    return load_module(CONVERTER).convert


def test_person_comes_first_and_has_the_only_box(convert):
    weights, dropped = convert(head())
    prefix = 'roi_head.bbox_head.'
    assert weights[prefix + 'fc_cls.bias'].tolist() == [2, 1]
    assert weights[prefix + 'fc_reg.bias'].tolist() == [4, 5, 6, 7]
    assert len(dropped) == 1


def test_blocks_of_the_top_keep_their_number_in_the_stage(convert):
    weights, _ = convert(head())
    assert 'roi_head.shared_head.layer3.4.bn1.weight' in weights
    assert 'roi_head.shared_head.layer4.0.bn1.weight' in weights


def test_the_newest_stranger_stays_the_newest(convert):
    # Filled with two rows, they are the last two: 3 and, newest, 4.
    weights, _ = convert(memory('roi_heads.reid_loss', count=2))
    prefix = 'roi_head.loss_reid.memory.'
    assert weights[prefix + 'queue'][:, 0].tolist() == [3, 4, 0, 1, 2]
    assert weights[prefix + 'count'] == 2
    assert weights[prefix + 'tail'] == 2


def test_a_full_queue_continues_at_its_oldest(convert):
    weights, _ = convert(memory('reid_head.criterion.C5', count=5))
    prefix = 'roi_head.reid_head.losses.C5.memory.'
    assert weights[prefix + 'queue'][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert weights[prefix + 'tail'] == 0


def test_a_softmax_classifier_is_no_memory(convert):
    weights, _ = convert(
        {'reid_head.criterion.C5.classifier.weight': torch.ones(3, 2)}
    )
    assert list(weights) == ['roi_head.reid_head.losses.C5.classifier.weight']


def test_norm_aware_models_lose_their_unused_classifier(convert):
    state = {
        **head(),
        'roi_heads.embedding_head.rescaler.weight': torch.ones(1),
    }
    weights, dropped = convert(state)
    assert 'roi_heads.box_predictor.cls_score.bias' in dropped
    assert 'roi_head.bbox_head.norm_scale.weight' in weights


@pytest.fixture
def run(monkeypatch):
    """The command line, within this process."""

    def call(*args):
        monkeypatch.setattr(sys, 'argv', ['convert', *map(str, args)])
        load_module(CONVERTER).main()

    return call


def test_command_line(tmp_path, run, capsys):
    source, target = tmp_path / 'latest.pth', tmp_path / 'new' / 'model.pth'
    torch.save(dict(epoch=3, state_dict=dict(detector=head())), source)
    run(source, target)
    assert 'dropped' in capsys.readouterr().out
    assert len(torch.load(target)['state_dict']) == 4


@pytest.mark.parametrize('content', ['no checkpoint', None, dict(a=1)])
def test_bad_files_are_refused_in_one_line(tmp_path, run, content):
    source, target = tmp_path / 'latest.pth', tmp_path / 'model.pth'
    if isinstance(content, str):
        source.write_text(content)
    elif content is not None:
        torch.save(dict(state_dict={'other.weight': torch.ones(1)}), source)
    with pytest.raises((UserError, OSError)) as stopped:
        run(source, target)
    assert str(stopped.value).startswith(str(source))
    assert '\n' not in str(stopped.value)
    assert not target.exists()
