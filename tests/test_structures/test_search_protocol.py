"""Protocols say who is searched where, and refuse to contradict themselves."""

import json

import numpy as np
import pytest

from mmdet_ps.structures import (
    SearchProtocol,
    load_protocols,
    save_protocols,
)
from mmdet_ps.utils.errors import UserError

from ..damage import damaged


def protocol(**changes):
    values = dict(
        name='base',
        images=list('abcde'),
        query_images=[0, 3],
        query_ids=[7, 8],
        query_boxes=[[1, 2, 30, 40], [5, 6, 70, 80]],
        relevant_offsets=[0, 2, 3],
        relevant_images=[1, 2, 4],
        relevant_boxes=np.arange(12).reshape(3, 4),
        image_groups=[1, 1, 2, 2, 3],
    )
    return SearchProtocol(**{**values, **changes})


def listed(**changes):
    lists = dict(
        name='listed',
        scope='listed',
        gallery_offsets=[0, 4, 6],
        gallery_images=[1, 2, 4, 3, 4, 0],
    )
    return protocol(**{**lists, **changes})


@pytest.mark.parametrize(
    ('scope', 'first', 'second'),
    [
        ('all', [0, 1, 1, 1, 1], [1, 1, 1, 0, 1]),
        ('other-group', [0, 0, 1, 1, 1], [1, 1, 0, 0, 1]),
        ('same-group', [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]),
    ],
)
def test_galleries_by_rule(scope, first, second):
    found = protocol(scope=scope)
    assert found.image_weights(0).tolist() == first
    assert found.image_weights(1).tolist() == second


def test_galleries_by_list():
    assert listed().image_weights(0).tolist() == [0, 1, 1, 1, 1]
    twice = listed(gallery_images=[1, 2, 2, 0, 4, 4])
    assert twice.image_weights(0).tolist() == [1, 1, 2, 0, 0]
    # All images, and the query's own where it is listed.
    whole = twice.with_scope('all', 'whole')
    assert whole.image_weights(0).tolist() == [1, 1, 2, 1, 1]
    assert whole.image_weights(1).tolist() == [1, 1, 1, 0, 2]


def test_images_outside_are_in_no_gallery():
    found = protocol(image_groups=[1, 1, 2, 2, -1])
    assert found.image_weights(0).tolist() == [0, 1, 1, 1, 0]


def test_subset_takes_the_lists_along():
    part = listed().subset([1], 'part')
    assert part.name == 'part' and part.num_queries == 1
    assert part.query_ids.tolist() == [8]
    assert part.relevant_images.tolist() == [4]
    assert part.listed(0).tolist() == [4, 0]
    assert protocol().subset([], 'none').num_queries == 0


def test_boxes_as_corners():
    assert protocol().query_bboxes.tolist() == [[1, 2, 31, 42], [5, 6, 75, 86]]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(query_ids=[7]), 'query_ids has 1 entries, not 2'),
        (dict(relevant_offsets=[0, 2]), 'relevant_offsets'),
        (dict(relevant_offsets=[0, 4, 3]), 'never fall'),
        (dict(relevant_offsets=[1, 2, 3]), 'must start at 0'),
        (dict(relevant_images=[1, 2]), 'relevant_images has 2 entries, not 3'),
        (dict(relevant_images=[1, 2, 9]), 'names an image beyond the 5'),
        (dict(query_images=[-1, 0]), 'names an image beyond'),
        (dict(scope='some'), "scope 'some' is none of"),
        (dict(scope='listed'), 'needs gallery_images'),
        (dict(scope='same-group', image_groups=None), 'needs image_groups'),
    ],
)
def test_contradictions_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        protocol(**changes)


def test_files_hold_several(tmp_path):
    path = tmp_path / 'protocol.npz'
    both = [
        listed(gallery_size=4, dataset='x'),
        protocol(image_sizes=[[10, 20]] * 5),
    ]
    save_protocols(path, both)
    for wanted, got in zip(both, load_protocols(path), strict=True):
        for key, value in vars(wanted).items():
            if key == 'gallery_images' and value is not None:
                # The order of entries with someone else is not kept.
                assert sorted(value) == sorted(got.gallery_images)
            elif isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(got, key), key)
            else:
                assert value == getattr(got, key), key
    assert [p.name for p in load_protocols(path, ['base'])] == ['base']
    with pytest.raises(ValueError, match='no protocol .none.; it holds'):
        load_protocols(path, ['none'])


def test_relevant_entries_keep_their_order_in_a_file(tmp_path):
    shuffled = listed(relevant_images=[4, 1, 4])
    save_protocols(tmp_path / 'p.npz', [shuffled])
    (found,) = load_protocols(tmp_path / 'p.npz')
    assert found.listed(0).tolist() == [4, 1, 2, 3]
    lacking = listed(
        gallery_images=[1, 2, 3, 3, 4, 0], relevant_images=[4] * 3
    )
    with pytest.raises(ValueError, match='query 0 has a relevant image'):
        save_protocols(tmp_path / 'q.npz', [lacking])


@pytest.mark.parametrize('content', [b'', b'no zip at all', None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / 'protocol.npz'
    if content is not None:
        path.write_bytes(content)
    error = FileNotFoundError if content is None else ValueError
    with pytest.raises(error, match='prepare_data.py'):
        load_protocols(path)


def test_another_form_is_named(tmp_path):
    header = np.frombuffer(b'{"form": "other", "protocols": []}', np.uint8)
    np.savez(tmp_path / 'p.npz', header=header)
    with pytest.raises(UserError, match="its form is 'other'"):
        load_protocols(tmp_path / 'p.npz')


def test_a_damaged_file_is_one_error_of_ours(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / 'protocol.npz'
    save_protocols(path, [listed(), protocol(image_sizes=[[10, 20]] * 5)])
    whole, refused = path.read_bytes(), 0
    for _ in range(400):
        path.write_bytes(damaged(whole, rng))
        try:
            load_protocols(path)
        except UserError as error:
            refused += 1
            assert str(path) in str(error)
    # The rest changed what does not matter, as the times in the archive.
    assert refused > 300


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda header: header.pop('protocols'), "KeyError: 'protocols'"),
        (lambda header: header['protocols'][0].pop('images'), 'images'),
        (lambda header: header['protocols'][0]['arrays'].update(
            query_ids='a99'), 'a99'),
        (lambda header: header['protocols'][0].update(name=[]), 'TypeError'),
        (lambda header: header['protocols'][0].update(scope='none'),
         "scope 'none'"),
        (lambda header: header.update(protocols=3), 'TypeError'),
    ],
)  # fmt: skip
def test_a_header_that_lacks_something_is_damage(tmp_path, change, message):
    path = tmp_path / 'protocol.npz'
    save_protocols(path, [listed()])
    with np.load(path) as store:
        arrays = dict(store)
    header = json.loads(bytes(arrays['header']))
    change(header)
    arrays['header'] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=message):
        load_protocols(path)


def test_large_lists_stay_small(tmp_path):
    rng = np.random.default_rng(0)
    queries, images, size = 200, 7000, 4000
    lists = np.concatenate(
        [rng.permutation(images)[:size] for _ in range(queries)]
    )
    big = SearchProtocol(
        'big',
        [f'Image/SSM/s{k}.jpg' for k in range(images)],
        np.zeros(queries),
        np.arange(queries),
        np.ones((queries, 4)),
        np.arange(queries + 1),
        lists[::size],
        np.ones((queries, 4)),
        scope='listed',
        gallery_offsets=np.arange(queries + 1) * size,
        gallery_images=lists,
    )
    path = tmp_path / 'big.npz'
    save_protocols(path, [big])
    # About three bits per entry.
    assert path.stat().st_size < queries * size * 0.4
    (found,) = load_protocols(path)
    for query in (0, 99, 199):
        np.testing.assert_array_equal(
            found.image_weights(query), big.image_weights(query)
        )
