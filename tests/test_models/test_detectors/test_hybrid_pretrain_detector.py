import copy
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

from mmdet_ps.models.losses import OIMLoss
from mmdet_ps.models.losses.identity_loss import with_sizes
from mmdet_ps.structures.fields import IGNORED, UNLABELLED
from tests.tiny_search_detector import (
    PREPROCESSOR,
    TinySearchDetector,
    branch_batch,
    make_sample,
)

ROOT = Path(__file__).parents[3]
BOX, OTHER = [8, 8, 24, 40], [40, 16, 60, 60]
ALIGNMENT = dict(
    type='IntraTaskAlignment',
    sources=dict(det=['street', 'square'], reid=['market', 'campus']),
    image=dict(backbone=dict(in_channels=8)),
    instance=dict(in_channels=8),
    weight=0.1,
    ramp=0,
    queue_size=8,
    hidden_channels=16,
)


def scene(source='street', boxes=(BOX, OTHER)):
    return make_sample(list(boxes), [UNLABELLED] * len(boxes), source)


def crop(person_id, source='market'):
    return make_sample([[0, 0, 32, 64]], [person_id], source, (64, 32))


def full_batch():
    return branch_batch(
        det=[scene('street'), scene('square', [OTHER])],
        reid=[crop(1, 'market'), crop(7, 'campus'), crop(1, 'market')],
    )


def hybrid(**options):
    torch.manual_seed(0)
    detector = dict(type=TinySearchDetector, data_preprocessor=PREPROCESSOR)
    defaults = dict(detector=detector, alignment=ALIGNMENT)
    return MODELS.build(
        dict(type='HybridPretrainDetector', **{**defaults, **options})
    )


def losses_of(model, batch):
    data = model.data_preprocessor(batch, training=True)
    return model.loss(data['inputs'], data['data_samples'])


def train_step(model, batch):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return model.train_step(batch, OptimWrapper(optimizer))


def test_each_branch_gives_its_losses():
    losses = losses_of(hybrid(alignment=None), full_batch())
    assert set(losses) == {
        'det_loss_cls', 'det_loss_reid', 'det_acc', 'reid_loss_reid'
    }  # fmt: skip


def test_both_branches_are_the_detectors_own_loss():
    model, reference = hybrid(alignment=None), hybrid(alignment=None)
    losses = losses_of(model, full_batch())
    data = reference.data_preprocessor(full_batch(), training=True)
    expected = {
        branch: reference.detector.loss(
            data['inputs'][branch], data['data_samples'][branch]
        )
        for branch in ('det', 'reid')
    }
    for key, value in losses.items():
        branch, name = key.split('_', 1)
        torch.testing.assert_close(value, expected[branch][name])


def test_branch_weights_scale_the_losses():
    plain = losses_of(hybrid(alignment=None), full_batch())
    weighted = losses_of(
        hybrid(alignment=None, loss_weights=dict(reid=0.5)), full_batch()
    )
    for key, value in plain.items():
        factor = 0.5 if key.startswith('reid') else 1.0
        torch.testing.assert_close(weighted[key], factor * value)


@pytest.mark.parametrize('alignment', [None, ALIGNMENT])
def test_scene_persons_feed_the_queue_unless_ignored(alignment):
    memories = {}
    for det_persons in ('unlabelled', 'ignored'):
        model = hybrid(alignment=alignment, det_persons=det_persons)
        losses_of(model, full_batch())
        memories[det_persons] = model.detector.loss_reid.memory
    assert int(memories['unlabelled'].count) == 3
    assert int(memories['ignored'].count) == 0
    for memory in memories.values():
        seen = memory.lookup_table.abs().sum(1) > 0
        assert seen.nonzero().flatten().tolist() == [1, 7]


def test_alignment_does_not_change_the_detectors_losses():
    with_alignment = losses_of(hybrid(), full_batch())
    without = losses_of(hybrid(alignment=None), full_batch())
    for key, value in without.items():
        torch.testing.assert_close(with_alignment[key], value)


def test_alignment_sees_images_and_persons_of_each_source():
    model = hybrid()
    losses = losses_of(model, full_batch())
    filled = {
        key: level.queue.filled.tolist()
        for key, level in model.alignment.levels.items()
    }
    assert filled == {
        'det_image_backbone': [1, 1],
        'det_instance_loss_reid': [2, 1],
        'reid_image_backbone': [2, 1],
        'reid_instance_loss_reid': [2, 1],
    }
    for key in filled:
        assert losses[f'{key}_domain_loss'] > 0
        accuracy = f'{key.replace("_loss", "")}_domain_acc'
        assert 0 <= losses[accuracy] <= 1


def test_padding_is_left_out_of_an_images_mean():
    model = hybrid()
    crops = [crop(1), make_sample([[0, 0, 16, 32]], [2], 'campus', (32, 16))]
    losses_of(model, branch_batch(reid=crops))
    queue = model.alignment.levels['reid_image_backbone'].queue
    queued, sources = queue.rows()
    (queued,) = queued[sources == 1]
    alone = model.data_preprocessor(branch_batch(reid=crops[1:]), True)
    features = model.detector.backbone(alone['inputs']['reid'])
    torch.testing.assert_close(queued, features.mean((2, 3))[0])


@pytest.mark.parametrize(
    'levels, keys',
    [
        (
            dict(image=None),
            {'det_instance_loss_reid', 'reid_instance_loss_reid'},
        ),
        (dict(instance=None), {'det_image_backbone', 'reid_image_backbone'}),
        (
            dict(sources=dict(det=['street', 'square'], reid=['market'])),
            {'det_image_backbone', 'det_instance_loss_reid'},
        ),
    ],
)
def test_levels_and_tasks_are_switched_off(levels, keys):
    model = hybrid(alignment={**ALIGNMENT, **levels})
    assert set(model.alignment.levels) == keys


def test_the_detector_is_pushed_away_from_the_classifier():
    """What the domain losses add to the backbone's gradient is reversed."""
    gradients = {}
    for weight in (0.0, 1.0, 2.0):
        model = hybrid(alignment={**ALIGNMENT, 'weight': weight})
        losses = losses_of(model, full_batch())
        sum(v for k, v in losses.items() if 'domain_loss' in k).backward()
        gradients[weight] = model.detector.backbone.weight.grad
    assert gradients[1.0].abs().sum() > 0
    zero = torch.zeros_like(gradients[1.0])
    none = gradients[0.0]
    assert none is None or torch.equal(none, zero)
    torch.testing.assert_close(gradients[2.0], 2 * gradients[1.0])


BATCHES = dict(
    one_source_per_task=branch_batch(det=[scene()], reid=[crop(1), crop(2)]),
    no_labelled_person=branch_batch(
        det=[scene(), scene('square')], reid=[crop(UNLABELLED)]
    ),
    no_person_that_counts=branch_batch(
        det=[scene('square', [])], reid=[crop(IGNORED)]
    ),
    no_boxes=branch_batch(
        det=[scene('street', []), scene('square', [])], reid=[crop(3)]
    ),
    scenes_only=branch_batch(det=[scene(), scene('square')]),
    crops_only=branch_batch(reid=[crop(1), crop(5, 'campus')]),
)


@pytest.mark.parametrize('split_sources', [False, True])
@pytest.mark.parametrize('alignment', [None, ALIGNMENT])
@pytest.mark.parametrize('name', BATCHES)
def test_poor_batches_train(name, alignment, split_sources):
    model = hybrid(alignment=alignment, split_sources=split_sources)
    for batch in (full_batch(), BATCHES[name]):
        before = [p.detach().clone() for p in model.parameters()]
        log = train_step(model, batch)
        assert all(torch.isfinite(value).all() for value in log.values())
    after = list(model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after))
    assert all(torch.isfinite(p).all() for p in after)


def test_split_sources_logs_each_source_by_its_share():
    losses = losses_of(hybrid(split_sources=True), full_batch())
    reid = {k for k in losses if k.endswith('_loss_reid')}
    assert reid == {
        'det_street_loss_reid',
        'det_square_loss_reid',
        'reid_market_loss_reid',
        'reid_campus_loss_reid',
    }
    joint = losses_of(hybrid(), full_batch())
    # The detection loss is a mean over images, so the shares add up to it.
    torch.testing.assert_close(
        losses['det_street_loss_cls'] + losses['det_square_loss_cls'],
        joint['det_loss_cls'],
    )
    torch.testing.assert_close(
        losses['det_image_backbone_domain_loss'],
        joint['det_image_backbone_domain_loss'],
    )


def test_a_copy_trains_as_its_original_does():
    model = hybrid()
    copied = copy.deepcopy(model)
    expected = losses_of(model, full_batch())
    losses = losses_of(copied, full_batch())
    assert losses.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(losses[key], value), key
    # Its own embeddings were aligned, not those of the original.
    losses['reid_instance_loss_reid_domain_loss'].backward()
    assert copied.detector.backbone.weight.grad.abs().sum() > 0
    assert model.detector.backbone.weight.grad is None


def test_validation_is_the_wrapped_detectors():
    model = hybrid().eval()
    image, sample = scene()
    (result,) = model.test_step(dict(inputs=[image], data_samples=[sample]))
    (alone,) = model.detector.test_step(
        dict(inputs=[image], data_samples=[sample])
    )
    assert torch.equal(
        result.pred_instances.embeddings, alone.pred_instances.embeddings
    )


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match='det_persons'):
        hybrid(det_persons='none')
    with pytest.raises(ValueError, match="'neck'.*no such part"):
        hybrid(alignment={**ALIGNMENT, 'image': dict(neck={})})
    with pytest.raises(ValueError, match='of the source .moon.'):
        losses_of(hybrid(), branch_batch(det=[scene('moon')]))
    batch = branch_batch(det=[scene()])
    del batch['data_samples']['det'][0].gt_instances.person_ids
    with pytest.raises(ValueError, match='no person_ids in street.jpg'):
        losses_of(hybrid(), batch)


def test_the_detector_says_which_losses_train_embeddings():
    class Named(TinySearchDetector):
        reid_keys = ('of_persons',)

        def loss(self, *args):
            losses = super().loss(*args)
            losses['of_persons'] = losses.pop('loss_reid')
            losses['loss_reid_of_background'] = losses['loss_cls']
            return losses

    class Silent(Named):
        reid_keys = ('loss_embedding',)

    def detector(kind):
        return dict(type=kind, data_preprocessor=PREPROCESSOR)

    model = hybrid(detector=detector(Named), alignment=None)
    losses = losses_of(model, full_batch())
    assert {k for k in losses if k.startswith('reid')} == {'reid_of_persons'}
    model = hybrid(detector=detector(Silent), alignment=None)
    with pytest.raises(ValueError, match='of_persons.*loss_embedding'):
        losses_of(model, full_batch())


def test_memories_take_the_sizes_of_the_pretraining():
    init_default_scope('mmdet')
    detector = Config.fromfile(ROOT / 'configs/_base_/models/oim_r18-c4.py')
    model = hybrid(
        detector=detector.model,
        num_identities=31,
        queue_size=17,
        alignment=None,
    )
    memory = model.detector.roi_head.loss_reid.memory
    assert memory.lookup_table.shape == (31, 128)
    assert memory.queue.shape == (17, 128)
    # The configuration itself is as before.
    assert 'num_identities' not in detector.model.roi_head.loss_reid


class OpenLoss(OIMLoss):
    """A loss that hides its options in keywords."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)


def test_losses_with_any_signature_take_the_sizes():
    def sized(loss):
        return with_sizes(
            dict(heads=[dict(loss_reid=loss)]), num_identities=5, queue_size=7
        )['heads'][0]['loss_reid']

    assert sized(dict(type=OpenLoss)) == dict(
        type=OpenLoss, num_identities=5, queue_size=7
    )
    assert sized(dict(type='SoftmaxIdentityLoss', num_identities=2)) == dict(
        type='SoftmaxIdentityLoss', num_identities=5
    )


def test_a_detector_without_identity_loss_is_refused():
    detector = dict(type=TinySearchDetector, data_preprocessor=PREPROCESSOR)
    with pytest.raises(ValueError, match='no identity loss'):
        hybrid(detector=detector, num_identities=5)
