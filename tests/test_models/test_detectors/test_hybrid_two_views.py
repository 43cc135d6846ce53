"""The two-view term in hybrid pre-training, around every detector."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

from mmdet_ps.structures.fields import SECOND_VIEW, UNLABELLED
from tests.test_models.thin_methods import METHODS, thin_config
from tests.tiny_search_detector import branch_batch, make_sample

SHAPE = (96, 128)
PERSONS = [[10, 10, 40, 80], [70, 20, 100, 90], [30, 5, 60, 60]]
NAMES = {
    'oim': ['roi'],
    'nae': ['roi'],
    'seqnet': ['roi'],
    'coat': ['roi_second', 'roi_third'],
    'seqnext': ['roi'],
    'bsl': ['roi_C5'],
    'alignps': ['dense'],
    'roi-alignps': ['dense', 'roi'],
}


def hybrid(method, **options):
    init_default_scope('mmdet')
    torch.manual_seed(0)
    options = {'two_views': dict(), **options}
    model = MODELS.build(
        dict(
            type='HybridPretrainDetector',
            detector=thin_config(method),
            num_identities=9,
            queue_size=4,
            **options,
        )
    )
    model.init_weights()
    return model.train()


def view(numbers, person_id=UNLABELLED, source='street'):
    """An image that shows some of the persons, by their numbers."""
    image, sample = make_sample(
        [PERSONS[n] for n in numbers], [person_id] * len(numbers), source,
        SHAPE,
    )  # fmt: skip
    sample.gt_instances.annotation_indices = torch.tensor(
        numbers, dtype=torch.long
    )
    return image, sample


def batch(first, second, crops=((0, 1),)):
    """Two views of scenes by the persons in each, and mosaics of crops."""
    views = branch_batch(
        det=[view(numbers) for numbers in first],
        reid=[view(numbers, 3, 'market') for numbers in crops],
    )
    for values in views.values():
        values['det' + SECOND_VIEW] = [None] * len(values['det'])
        values['reid' + SECOND_VIEW] = [None] * len(values['det'])
    for place, numbers in enumerate(second):
        image, sample = view(numbers)
        views['inputs']['det' + SECOND_VIEW][place] = image
        views['data_samples']['det' + SECOND_VIEW][place] = sample
    return views


def losses_of(model, views):
    data = model.data_preprocessor(views, training=True)
    return model.loss(data['inputs'], data['data_samples'])


def two_view_losses(losses):
    return {k: v for k, v in losses.items() if k.endswith('two_view_loss')}


@pytest.mark.parametrize('method', METHODS)
def test_every_detector_ties_the_views_of_its_embeddings(method):
    model = hybrid(method)
    losses = losses_of(model, batch([[0, 1]], [[1, 2, 0]]))
    found = two_view_losses(losses)
    assert sorted(found) == [f'det_{n}_two_view_loss' for n in NAMES[method]]
    for name in NAMES[method]:
        assert 0 < losses[f'det_{name}_two_view_spread'] < 1.5
    # Backbone and what embeds learn from it, whatever else they learn from.
    sum(found.values()).backward()
    gradients = {
        name.split('.')[0]
        for name, parameter in model.detector.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }
    assert {'backbone'} < gradients <= {
        'backbone', 'neck', 'roi_head', 'bbox_head'
    }  # fmt: skip


@pytest.mark.parametrize('method', ['nae', 'bsl', 'roi-alignps'])
def test_views_without_a_common_person_cost_nothing(method):
    model = hybrid(method)
    step = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    for first, second in ([[0]], [[1, 2]]), ([[]], [[]]), ([[0]], [[0]]):
        log = model.train_step(batch(first, second), step)
        assert all(torch.isfinite(v).all() for v in log.values())
        value = sum(two_view_losses(log).values())
        assert (value == 0) == (first != second or not first[0])


def test_the_persons_of_scenes_stay_out_of_the_memory_by_default():
    memories = {}
    for persons in (None, 'ignored', 'unlabelled'):
        model = hybrid('nae', det_persons=persons)
        losses_of(model, batch([[0, 1]], [[0, 1]]))
        queue = model.detector.roi_head.loss_reid.memory.queue
        memories[persons] = int((queue.abs().sum(1) > 0).sum())
    assert memories[None] == memories['ignored'] == 0
    assert memories['unlabelled'] > 0


def test_crops_without_identity_take_part_where_their_branch_does():
    model = hybrid('nae', two_views=dict(branches=['det', 'reid']))
    views = batch([[0, 1]], [[0, 1]], crops=[])
    for place in range(1):
        for name in ('reid', 'reid' + SECOND_VIEW):
            image, sample = view([0, 2], UNLABELLED, 'luperson')
            views['inputs'].setdefault(name, [None])[place] = image
            views['data_samples'].setdefault(name, [None])[place] = sample
    found = two_view_losses(losses_of(model, views))
    assert sorted(found) == [
        'det_roi_two_view_loss', 'reid_roi_two_view_loss'
    ]  # fmt: skip
    assert found['reid_roi_two_view_loss'].item() < 0


def test_erasing_changes_what_is_compared_and_nothing_else():
    results = []
    for erase in (None, dict(probability=1.0)):
        model = hybrid('nae', two_views=dict(erase=erase))
        torch.manual_seed(1)
        results.append(losses_of(model, batch([[0, 1]], [[0, 1]])))
    plain, erased = results
    assert plain.keys() == erased.keys()
    for key in plain:
        if 'two_view' in key:
            assert not torch.equal(plain[key], erased[key])
        else:
            torch.testing.assert_close(plain[key], erased[key])


def test_the_term_leaves_the_statistics_of_testing_alone():
    model, reference = hybrid('nae'), hybrid('nae', two_views=None)
    views = batch([[0, 1]], [[0, 1]])
    torch.manual_seed(1)
    losses_of(model, views)
    reference.det_persons = 'ignored'
    torch.manual_seed(1)
    losses_of(reference, views)
    mine, theirs = (
        dict(m.detector.named_buffers()) for m in (model, reference)
    )
    for name, value in theirs.items():
        if not name.endswith('num_batches_tracked'):
            torch.testing.assert_close(mine[name], value, msg=name)


@pytest.mark.parametrize('method', ['nae', 'alignps'])
@pytest.mark.parametrize(
    'box', [[70.0, 20, 70, 90], [0, 0, float('nan'), 5], [1e6, 0, 2e6, 9]]
)
def test_a_box_that_cannot_be_trained_on_is_compared_with_nobody(method, box):
    views = batch([(0, 1, 2)], [(0, 1, 2)])
    sample = views['data_samples']['det' + SECOND_VIEW][0]
    sample.gt_instances.bboxes[1] = torch.tensor(box)
    model = hybrid(method)
    compared = []
    (loss,) = model.two_views.losses.values()
    loss.register_forward_pre_hook(
        lambda module, rows: compared.extend(map(len, rows))
    )
    found = two_view_losses(losses_of(model, views))
    assert compared == [2, 2]
    assert all(value.isfinite() for value in found.values())
