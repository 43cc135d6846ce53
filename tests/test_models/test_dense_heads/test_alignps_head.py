"""AlignPSHead: losses of ordinary and of empty batches, and predictions."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData

from ..tiny_alignps import IDENTITIES, WIDTH, find_everything, tiny_model
from ..two_stage import batch

SIZE = (96, 128)


def head(**changes):
    return tiny_model(bbox_head=changes).bbox_head.train()


def maps(images=2, seed=0, levels=5, requires_grad=False):
    generator = torch.Generator().manual_seed(seed)
    height, width = (side // 8 for side in SIZE)
    sizes = [
        (-(-height // 2**level), -(-width // 2**level))
        for level in range(levels)
    ]
    return tuple(
        torch.randn(images, WIDTH, *s, generator=generator).requires_grad_(
            requires_grad
        )
        for s in sizes
    )


def samples(*persons, seed=0):
    return batch(*persons, size=SIZE, seed=seed)['data_samples']


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)


def test_losses_of_an_ordinary_batch_reach_every_parameter():
    made, x = head(), maps(requires_grad=True)
    losses = made.loss(x, samples([3, -1, 7], [3]))
    assert {key for key in losses if 'loss' in key} == {
        'loss_cls',
        'loss_bbox',
        'loss_centerness',
        'loss_reid',
        'loss_reid_triplet',
    }
    total(losses).backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
    assert made.loss_reid.memory.lookup_table[3].norm() > 0
    assert made.loss_reid.memory.count > 0


def test_no_box_trains_the_classification_alone():
    made, x = head(), maps(requires_grad=True)
    losses = made.loss(x, samples([], []))
    assert losses['loss_cls'] > 0
    for key, value in losses.items():
        if key != 'loss_cls':
            assert value == 0, key
    total(losses).backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name


def test_a_person_between_locations_is_no_positive():
    made, data = head(), samples([3], [])
    data[0].gt_instances.bboxes = torch.tensor([[5.0, 5, 11, 11]])
    losses = made.loss(maps(), data)
    assert losses['loss_reid'] == losses['loss_bbox'] == 0
    assert made.loss_reid.memory.lookup_table.abs().sum() == 0


def test_nobody_labelled():
    made = head()
    losses = made.loss(maps(), samples([-1, -1], [-1]))
    assert losses['loss_reid'] == losses['loss_reid_triplet'] == 0
    assert losses['loss_bbox'] > 0
    assert made.loss_reid.memory.count > 0


def test_positives_come_by_image_then_row_then_column():
    made, x = head(), maps()
    data = samples([5], [2])
    for sample, corner in zip(data, (40.0, 8.0)):
        sample.gt_instances.bboxes = torch.tensor(
            [[corner, corner, corner + 24, corner + 48]]
        )
    _, rows = made.loss_and_rows(x, data)
    centred = x[0] - x[0].mean((2, 3), keepdim=True)
    expected = [
        centred[image, :, y, x_]
        for image, y0, x0 in ((0, 7, 5), (1, 3, 1))
        for y in range(y0, y0 + 2)
        for x_ in range(x0, x0 + 3)
    ]
    # The centre lies between two rows; the next ones are 1.5 strides away.
    assert rows.person_ids.tolist() == [5] * 6 + [2] * 6
    torch.testing.assert_close(
        rows.embeddings, F.normalize(torch.stack(expected))
    )


def test_ignored_regions_are_no_background():
    made, x = head(), maps()
    made.conv_cls.bias.data.zero_()  # background is far from learnt
    plain = made.loss(x, samples([3], [4]))['loss_cls']
    data = samples([3], [4])
    for sample in data:
        sample.ignored_instances = InstanceData(
            bboxes=torch.tensor([[0.0, 0, 128, 96]]),
            labels=torch.zeros(1).long(),
        )
    without = made.loss(x, data)['loss_cls']
    made.use_ignored = False
    published = made.loss(x, data)['loss_cls']
    assert without < 0.2 * plain
    assert published == plain


def test_some_images_of_a_batch_have_no_ignored_regions():
    """A sample without the field is one with none."""
    made, x = head(), maps()
    data = samples([3], [4])
    nobody = InstanceData(
        bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long()
    )
    some = InstanceData(
        bboxes=torch.tensor([[0.0, 0, 64, 96]]), labels=torch.zeros(1).long()
    )
    data[1].ignored_instances = some
    without = made.loss(x, data)['loss_cls']
    data[0].ignored_instances = nobody
    torch.testing.assert_close(made.loss(x, data)['loss_cls'], without)


def test_the_divisor_of_the_classification():
    data, x = samples([3], [4]), maps()
    published, sane = head(), head(cls_divisor='positives')
    ratio = (
        sane.loss(x, data)['loss_cls'] / published.loss(x, data)['loss_cls']
    )
    positives = len(sane.loss_and_rows(x, data)[1].embeddings)
    assert ratio.item() == pytest.approx((positives + 2) / positives)


def test_mean_without_padding_does_not_depend_on_it():
    made = head(centering='image').eval()
    x = maps(1, levels=1)[0]
    padded = F.pad(x, (0, 4, 0, 2), value=9.0)
    alone = made((x,), [SIZE])[3][0]
    batched = made((padded,), [SIZE])[3][0]
    torch.testing.assert_close(alone, batched[..., :12, :16])
    published = head().eval()
    assert not torch.allclose(
        published((x,))[3][0], published((padded,))[3][0][..., :12, :16]
    )


def test_no_centring():
    x = maps(1, levels=1)
    assert head(centering=None).eval()(x)[3][0] is x[0]


@pytest.mark.parametrize(
    'option', [dict(centering='mean'), dict(cls_divisor='boxes')]
)
def test_misspelt_options_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        head(**option)


def slow_predict(made, x, meta, cfg):
    """The published order of steps, spelt out; boxes, scores, embeddings."""
    from mmcv.ops import nms

    cls, side, ctr, embedding = (out[0][0] for out in made(x))
    scores = cls.sigmoid().flatten()
    products = scores * ctr.sigmoid().flatten()
    best = products.argsort(descending=True)[: cfg['nms_pre']]
    ys, xs = best // cls.shape[2], best % cls.shape[2]
    centre = torch.stack([xs, ys], 1) * 8.0 + 4
    side = side.flatten(1).t()[best]
    boxes = torch.cat([centre - side[:, :2], centre + side[:, 2:]], 1)
    height, width = meta['img_shape']
    boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
    boxes = boxes / torch.tensor(meta['scale_factor']).repeat(2)
    keep = scores[best] > cfg['score_thr']
    boxes, best = boxes[keep], best[keep]
    found, kept = nms(boxes, products[best], cfg['nms']['iou_threshold'])
    kept = kept[: cfg['max_per_img']]
    rows = embedding.flatten(1).t()[best[kept]]
    return boxes[kept], products[best[kept]], F.normalize(rows)


def test_predictions_follow_the_published_order():
    made = find_everything(tiny_model()).bbox_head
    made.conv_cls.weight.data.normal_(std=0.3)
    made.conv_centerness.weight.data.normal_(std=0.5)
    made.conv_cls.bias.data.fill_(0.0)
    cfg = dict(
        nms_pre=60, score_thr=0.5, nms=dict(iou_threshold=0.5), max_per_img=20
    )
    made.test_cfg.update({**cfg, 'nms': dict(type='nms', iou_threshold=0.5)})
    x = maps(1, levels=1)
    (sample,) = samples([1])
    sample.set_metainfo(dict(img_shape=(90, 120), scale_factor=(1.25, 0.75)))
    with torch.no_grad():
        (result,) = made.predict(x, [sample], rescale=True)
        boxes, scores, embeddings = slow_predict(made, x, sample.metainfo, cfg)
    assert 5 < len(result) <= 20
    torch.testing.assert_close(result.bboxes, boxes)
    torch.testing.assert_close(result.scores, scores)
    torch.testing.assert_close(result.embeddings, embeddings)


def test_nothing_found():
    made = tiny_model().bbox_head.eval()  # starts at a score of 0.01
    result, other = made.predict(maps(2, levels=1), samples([1], []))
    assert len(result) == len(other) == 0
    assert result.embeddings.shape == (0, WIDTH)


def test_ids_beyond_the_memory_are_refused():
    with pytest.raises(ValueError, match='num_identities'):
        head().loss(maps(), samples([IDENTITIES], [0]))
