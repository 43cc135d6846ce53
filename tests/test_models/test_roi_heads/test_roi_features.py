import torch

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
