import torch

from mmdet_ps.models.backbones import SplitResNetTop
from mmdet_ps.utils.norm_folding import fold_norms
from tests.test_models.thin_methods import thin_model


def test_the_features_are_the_same_with_and_without_gradients():
    head = thin_model('seqnet').roi_head.eval()
    channels = head.bbox_roi_extractor.out_channels
    x = (torch.randn(2, channels, 9, 12),)
    rois = torch.tensor(
        [
            [0, 3.0, 4, 90, 120],
            [1, -5, -9, 40, 400],
            [1, 10, 10, 10, 10],
            [0, 170, 0, 192, 144],
        ]
    )
    trained = head.roi_features(x, rois)
    for some in (rois, rois[:0]):
        with torch.no_grad():
            tested = head.roi_features(x, some)
        torch.testing.assert_close(tested, trained[: len(some)])
        assert tested.is_contiguous(memory_format=torch.channels_last)


def test_a_top_may_come_before_the_regions(monkeypatch):
    """The features are the same, and few regions are cut out first."""
    torch.manual_seed(0)
    head = thin_model('seqnet').roi_head.eval()
    channels = head.bbox_roi_extractor.out_channels
    head.first_top = SplitResNetTop(
        50, c4_blocks=6, base_channels=channels // 16, style='pytorch'
    ).eval()
    fold_norms(head)
    x = (torch.randn(2, channels, 9, 12),)
    corners = 90 * torch.rand(40, 2)
    rois = torch.cat(
        [torch.arange(40).view(-1, 1) % 2, corners, corners + 50], dim=1
    )
    entered = []
    forward_regions = SplitResNetTop.forward_regions
    monkeypatch.setattr(
        SplitResNetTop,
        'forward_regions',
        lambda top, maps, pool: (
            entered.append(len(maps)) or forward_regions(top, maps, pool)
        ),
    )
    with torch.inference_mode():
        for some in rois, rois[:3], rois[:0]:
            expected = head.first_top(head.roi_features(x, some))
            found = head.top_features(head.first_top, x, some)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        with torch.autocast('cpu', torch.bfloat16):
            head.top_features(head.first_top, x, rois)
    head.top_features(head.first_top, x, rois).sum().backward()
    assert entered == [2]


def test_a_shared_top_may_begin_before_the_regions(monkeypatch):
    """The answers are the same, and few regions are cut out first."""
    torch.manual_seed(0)
    head = thin_model('nae').roi_head.eval()
    channels = head.bbox_roi_extractor.out_channels
    head.shared_head = SplitResNetTop(
        50, base_channels=channels // 16, style='caffe'
    ).eval()
    fold_norms(head)
    x = (torch.randn(2, channels, 9, 12),)
    corners = 90 * torch.rand(40, 2)
    rois = torch.cat(
        [torch.arange(40).view(-1, 1) % 2, corners, corners + 50], dim=1
    )
    begun = []
    forward_begun = SplitResNetTop.forward_begun
    monkeypatch.setattr(
        SplitResNetTop,
        'forward_begun',
        lambda top, *args: (
            begun.append(len(args[0])) or forward_begun(top, *args)
        ),
    )
    with torch.inference_mode():
        for some in rois, rois[:3]:
            regions = head.roi_features(x, some)
            answers = head.bbox_head(head.shared_head(regions), regions)
            found = head._bbox_forward(x, some)
            for one, other in zip(found.values(), answers):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    head._bbox_forward(x, rois)
    assert begun == [40]
