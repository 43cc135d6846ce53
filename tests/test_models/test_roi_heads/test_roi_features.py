import pytest
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


@pytest.fixture
def entered(monkeypatch):
    """How many maps each top got that was entered before the regions."""
    numbers = []
    forward_regions = SplitResNetTop.forward_regions

    def counted(top, maps, pools):
        numbers.append(len(maps))
        return forward_regions(top, maps, pools)

    monkeypatch.setattr(SplitResNetTop, 'forward_regions', counted)
    return numbers


def folded_head(method, part, **options):
    """A RoI head with a top of bottlenecks, maps for it, and regions."""
    torch.manual_seed(0)
    head = thin_model(method).roi_head.eval()
    channels = head.bbox_roi_extractor.out_channels
    top = SplitResNetTop(50, base_channels=channels // 16, **options)
    setattr(head, part, top.eval())
    fold_norms(head)
    corners = 90 * torch.rand(40, 2)
    images = torch.arange(40).view(-1, 1) % 2
    rois = torch.cat([images, corners, corners + 50], dim=1)
    return head, (torch.randn(2, channels, 9, 12),), rois


def test_a_top_may_come_before_the_regions(entered):
    """The features are the same, and few regions are cut out first."""
    head, x, rois = folded_head(
        'seqnet', 'first_top', c4_blocks=6, style='pytorch'
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


def test_a_shared_top_may_come_before_the_regions(entered):
    """The answers are the same, and few regions are cut out first."""
    head, x, rois = folded_head('nae', 'shared_head', style='caffe')
    with torch.inference_mode():
        for some in rois, rois[:3]:
            regions = head.roi_features(x, some)
            answers = head.bbox_head(head.shared_head(regions), regions)
            found = head._bbox_forward(x, some)
            for one, other in zip(found.values(), answers):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    head._bbox_forward(x, rois)
    assert entered == [2]
