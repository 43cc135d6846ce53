"""The filter of the gallery: its score, its loss, its memory."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample

from mmdet_ps.models.losses.scene_memory import NOBODY, SceneMemory
from mmdet_ps.models.roi_heads.filtered_roi_head import picture_number
from mmdet_ps.models.roi_heads.gallery_filter import (
    GalleryFilter,
    ScenePersons,
    pairs,
)
from tests.test_models.two_stage import batch, build, losses_of, model_config

TOP = dict(type='SplitResNetTop', depth=18, base_channels=4, c4_blocks=2)


def small(**options):
    torch.manual_seed(0)
    options = dict(embed_dims=4, pool_size=(6, 8), num_scenes=5, **options)
    return GalleryFilter(top=TOP, **options)


def test_the_loss_of_two_pictures_by_hand():
    """Persons 1 and 2 in the first picture, 1 alone in the second."""
    part = small(temperature=0.5)
    part.norm.eval()  # starts as the identity, but for its eps
    ids, scene_of = torch.tensor([1, 2, 1]), torch.tensor([0, 0, 1])
    # Gates of 0.5 everywhere, so that z is half of the picture's embedding.
    persons = torch.zeros(3, 4)
    scenes = torch.tensor([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0]])
    # Person 2 is in the first picture (cosine 1) and not in the second (0.6).
    # Person 1 is in both and has nobody to be kept from.
    loss = math.log(1 + math.exp((0.6 - 1) / 0.5))
    found = part.contrast(ScenePersons(scenes, persons, ids, scene_of))
    assert found.item() == pytest.approx(loss / 5, rel=1e-5)


def test_which_pictures_a_person_is_kept_from():
    # Pictures: {1, stranger}, {1, 2}, {3}.
    ids = torch.tensor([1, -1, 1, 2, 3])
    scene_of = torch.tensor([0, 0, 1, 1, 2])
    given = ScenePersons(torch.zeros(3, 4), torch.zeros(5, 4), ids, scene_of)
    shows, others = pairs(given, 3)
    assert shows.int().tolist() == [
        [1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1],
    ]  # fmt: skip
    # The stranger of the first picture may well be in the second one, where
    # its companion is.
    assert others.int().tolist() == [
        [0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 1], [1, 1, 0],
    ]  # fmt: skip


def test_the_loss_equals_a_loop_over_pairs():
    part = small()
    part.train()
    ids = torch.tensor([1, -1, 1, 2, 3])
    scene_of = torch.tensor([0, 0, 1, 1, 2])
    persons = F.normalize(torch.randn(5, 4))
    scenes = F.normalize(torch.randn(3, 4))
    given = ScenePersons(scenes, persons, ids, scene_of)
    shows, others = pairs(given, 3)
    z = torch.stack([y * (persons / 0.2).sigmoid() for y in scenes])
    mean, variance = z.flatten(0, 1).mean(0), z.flatten(0, 1).var(0, False)
    z = (z - mean) / (variance + 1e-5).sqrt()
    losses = []
    for q in range(5):
        cosines = [
            F.cosine_similarity(z[scene_of[q], q], z[n, q], dim=0)
            for n in range(3)
        ]
        rivals = sum(
            math.exp(cosines[n] / 0.1) for n in range(3) if others[q, n]
        )
        for n in range(3):
            if shows[q, n]:
                own = math.exp(cosines[n] / 0.1)
                losses.append(-math.log(own / (own + rivals)))
    found = part.contrast(given)
    assert found.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_rows_of_pictures_say_what_the_norm_does():
    part = small().eval()
    torch.nn.init.uniform_(part.norm.weight)
    torch.nn.init.uniform_(part.norm.bias)
    torch.nn.init.uniform_(part.norm.running_mean)
    scenes, persons = F.normalize(torch.randn(3, 4)), torch.randn(2, 4)
    values, shift = part.scene_rows(scenes).unbind(1)
    gates = (persons / 0.2).sigmoid()
    torch.testing.assert_close(
        part.fuse(persons, scenes), values[:, None] * gates + shift[:, None]
    )


def stored(memory, *scenes, start=0):
    """Store pictures of these persons, numbered from ``start``."""
    ids = torch.tensor(sum(scenes, []), dtype=torch.long)
    scene_of = torch.tensor(
        [k for k, persons in enumerate(scenes) for _ in persons],
        dtype=torch.long,
    )
    numbers = torch.arange(start, start + len(scenes))
    rows = numbers.float()[:, None].expand(-1, 4)
    memory.store(rows, ids.float()[:, None].expand(-1, 4), ids, scene_of,
                 numbers)  # fmt: skip


def test_the_memory_keeps_the_latest_pictures_and_known_persons_first():
    memory = SceneMemory(num_scenes=3, max_persons=2, embed_dims=4)
    stored(memory, [-1, -1, 7], [5])
    assert memory.person_ids.tolist() == [[7, -1], [5, NOBODY], [NOBODY] * 2]
    assert memory.persons[0, 0, 0] == 7
    # Picture 1 again, and two new ones: the oldest makes room.
    stored(memory, [6], [8], [9], start=1)
    assert memory.image_ids.tolist() == [3, 1, 2]
    assert memory.person_ids[:, 0].tolist() == [9, 6, 8]
    assert memory.scenes[:, 0].tolist() == [3, 1, 2]


def test_no_picture_of_a_batch_takes_the_place_of_another():
    """Of any batches the latest pictures are held, each in one place."""
    generator = torch.Generator().manual_seed(0)
    for size in (4, 5, 7):
        memory = SceneMemory(num_scenes=size, max_persons=2, embed_dims=4)
        latest = {}  # in the order of their last turn
        for step in range(60):
            names = torch.randperm(9, generator=generator)[:4].tolist()
            ids = [100 * step + name for name in names]
            memory.store(
                torch.full((4, 4), float(step)),
                torch.zeros(4, 4),
                torch.tensor(ids),
                torch.arange(4),
                torch.tensor(names),
            )
            for name, person_id in zip(names, ids):
                latest.pop(name, None)
                latest[name] = person_id
            shown = dict(
                zip(
                    memory.image_ids.tolist(), memory.person_ids[:, 0].tolist()
                )
            )
            shown.pop(-1, None)
            assert len(shown) == int((memory.image_ids >= 0).sum())
            assert all(latest[name] == shown[name] for name in shown)
            assert set(names) <= set(shown)


def test_a_picture_with_the_person_and_one_with_its_company_are_drawn():
    memory = SceneMemory(num_scenes=6, max_persons=3, embed_dims=4)
    # With 1; with 2 but not 1; with neither.
    stored(memory, [1, 9], [2], [8, -1], start=10)
    generator = torch.Generator().manual_seed(0)
    ids, scene_of = torch.tensor([1, 2]), torch.tensor([0, 0])

    def draw(images):
        found = memory.draw(ids, scene_of, torch.tensor(images), generator)
        assert torch.equal(found.person_ids, memory.person_ids[found.places])
        return found.places

    assert sorted(draw([50, 51]).tolist()) == [0, 1]
    assert draw([10, 50]).tolist() == [1]  # not the picture itself
    drawn = memory.draw(ids[:0], scene_of[:0], ids[:0], generator)
    assert len(drawn.places) == len(drawn.person_ids) == 0


def test_the_memory_takes_part_in_the_loss():
    model = build(model_config('seqnext_r18-c4')).train()
    data = batch([3, -1], [4, 7])
    first = losses_of(model, data)['loss_scene']
    memory = model.roi_head.gallery_filter.scene_memory
    assert (memory.person_ids >= -1).sum() == 4
    seen = []
    contrast = model.roi_head.gallery_filter.contrast
    model.roi_head.gallery_filter.contrast = lambda given: (
        seen.append(given) or contrast(given)
    )
    again = losses_of(model, batch([3, -1], [4, 7]))['loss_scene']
    assert len(seen[0].scenes) == 4 and len(seen[0].persons) == 8
    assert first.isfinite() and again.isfinite()
    model.eval()
    tail = memory.tail.clone()
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    assert losses['loss_scene'].isfinite() and memory.tail == tail


def test_samples_get_what_the_search_needs_whatever_is_asked_for():
    model = build(model_config('seqnext_r18-c4')).eval()
    for given in (False, True):
        model.test_cfg.gt_boxes_as_detections = given
        with torch.no_grad():
            (answer,) = model.test_step(batch([1]))
        assert answer.scene.shape == (2, 128)
        assert answer.scene.isfinite().all()


def test_pictures_of_two_sources_are_told_apart():
    def number(**meta):
        return picture_number(DetDataSample(metainfo=meta))

    assert number(img_id=3, source='a') == number(img_id=3, source='a') >= 0
    numbers = {
        number(img_id=img_id, source=source)
        for img_id in (3, 4, 'c1s1_000151')
        for source in ('a', 'b')
    }
    assert len(numbers) == 6
    assert number(source='a') == -1
