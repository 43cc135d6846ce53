"""Proposals are decoded in single precision, whatever the network runs in."""

import pytest
import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.structures import DetDataSample

from tests.test_models.thin_methods import METHODS, thin_model

SIZE = (1200, 2000)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('method', [m for m in METHODS if m != 'alignps'])
def test_proposals_equal_those_of_outputs_cast_first(method, dtype):
    head = thin_model(method).rpn_head.eval()
    torch.manual_seed(0)
    torch.nn.init.normal_(head.rpn_reg.weight, std=0.3)
    x = (torch.randn(1, head.in_channels, SIZE[0] // 16, SIZE[1] // 16),)
    sample = DetDataSample(metainfo=dict(img_shape=SIZE))
    with torch.no_grad(), torch.autocast('cpu', dtype):
        (found,) = head.predict(x, [sample])
        logits, deltas = RPNHead.forward(head, x)
        assert (logits[0].dtype, found.bboxes.dtype) == (
            torch.float32, torch.float32
        )  # fmt: skip
    with torch.no_grad():
        (expected,) = head.predict_by_feat(
            [logits[0].float()],
            [deltas[0].float()],
            batch_img_metas=[sample.metainfo],
        )
    assert len(found.bboxes) >= 50
    torch.testing.assert_close(found.bboxes, expected.bboxes)
    torch.testing.assert_close(found.scores, expected.scores)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('method', ['alignps', 'roi-alignps'])
def test_boxes_of_alignps_equal_those_of_outputs_cast_first(method, dtype):
    head = thin_model(method).bbox_head.eval()
    torch.manual_seed(0)
    head.scales[0].scale.data.fill_(1.2345)
    torch.nn.init.normal_(head.conv_reg.weight, std=0.3)
    outputs = []
    head.conv_reg.register_forward_hook(
        lambda module, args, output: outputs.append(output)
    )
    x = torch.randn(1, head.in_channels, 12, 16)
    with torch.no_grad(), torch.autocast('cpu', dtype):
        sides = head((x,))[1][0]
    assert outputs[0].dtype == dtype
    stride = head.strides[0]
    expected = (outputs[0].float() * 1.2345).clamp(min=0) * stride
    assert expected.max() > 30
    torch.testing.assert_close(sides, expected)
