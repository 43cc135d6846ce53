"""Native folders become the protocols that their files state."""

import numpy as np
import pytest
from scipy.io import savemat

from mmdet_ps.datasets.native import cuhk_sysu
from mmdet_ps.datasets.native import cuhk_sysu_protocols as reader
from mmdet_ps.datasets.native.errors import NativeDataError
from mmdet_ps.datasets.native.gallery_file import OtherLayout, read_leaves
from mmdet_ps.datasets.native.protocols import (
    PROTOCOLS,
    read_protocols,
    write_protocol,
)
from mmdet_ps.datasets.native.prw import PRW_MINI
from mmdet_ps.structures import load_protocols

from .. import native_trees as trees

POOL = [f's{k}.jpg' for k in range(1, 40)]


def searches(rng, queries=5, size=7):
    """Rows of a TestG file: relevant entries first, as in the real one."""
    rows = []
    for k in range(queries):
        box = rng.integers(1, 600, 4).tolist()
        found = rng.integers(0, 4)
        names = rng.choice(POOL, size, replace=False).tolist()
        names[1 : 1 + (k == 1)] = names[:1] if k == 1 else []
        gallery = [
            trees.place(
                name, rng.integers(1, 600, 4).tolist() if n < found else None
            )
            for n, name in enumerate(names)
        ]
        query = dict(
            trees.place(str(rng.choice(POOL)), box), idname=f'p{7 * k}'
        )
        rows.append(
            dict(
                Query=trees.struct_array([query]),
                Gallery=trees.struct_array(gallery),
            )
        )
    return rows


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(3)
    place = tmp_path / 'annotation/test/train_test'
    place.mkdir(parents=True)
    savemat(
        tmp_path / 'annotation/pool.mat', {'pool': trees.cell_column(POOL)}
    )
    for size in (50, 100):
        savemat(
            place / f'TestG{size}.mat',
            {f'TestG{size}': trees.struct_array(searches(rng, size=9))},
            do_compression=size == 100,
        )
    return tmp_path


def test_both_ways_of_reading_galleries_agree(folder, monkeypatch):
    for size in (50, 100):
        path = folder / f'annotation/test/train_test/TestG{size}.mat'
        fast = reader._from_leaves(read_leaves(path, f'TestG{size}', POOL))
        slow = reader._from_searches(
            cuhk_sysu.read_search_file(path, f'TestG{size}'), POOL, path
        )
        for key, value in vars(slow).items():
            np.testing.assert_array_equal(getattr(fast, key), value, key)
        assert len(slow.relevant) and len(slow.images) == 45


@pytest.mark.parametrize('chunk', [500, 1000, 4096])
def test_chunks_may_end_anywhere(folder, monkeypatch, chunk):
    path = folder / 'annotation/test/train_test/TestG100.mat'
    whole = read_leaves(path, 'TestG100', POOL)
    monkeypatch.setattr('mmdet_ps.datasets.native.gallery_file.CHUNK', chunk)
    parts = read_leaves(path, 'TestG100', POOL)
    assert len(parts.codes) > 1
    np.testing.assert_array_equal(
        np.concatenate(parts.codes), np.concatenate(whole.codes)
    )
    assert parts.structures == whole.structures
    assert parts.boxes.keys() == whole.boxes.keys()


def test_an_unknown_layout_is_read_the_general_way(folder):
    path = folder / 'annotation/test/train_test/TestG50.mat'
    rows = [
        dict(row, occlusion=np.array([[1]]))
        for row in searches(np.random.default_rng(0))
    ]
    savemat(path, {'TestG50': trees.struct_array(rows)})
    leaves = read_leaves(path, 'TestG50', POOL)
    with pytest.raises(OtherLayout):
        reader._from_leaves(leaves)
    (protocol,) = read_protocols('cuhk-sysu', folder, ['gallery-50'])
    assert protocol.num_queries == 5


def test_cuhk_sysu_protocols(folder):
    found = read_protocols('cuhk-sysu', folder)
    assert [p.name for p in found] == [
        'gallery-100', 'gallery-50', 'gallery-all',
    ]  # fmt: skip
    listed, _, whole = found
    assert listed.gallery_size == 100 and whole.gallery_size == len(POOL)
    for query in range(listed.num_queries):
        assert listed.image_weights(query).sum() == 9
        weights = whole.image_weights(query)
        own = whole.query_images[query]
        if own not in whole.listed(query):
            assert weights[own] == 0
        assert (np.delete(weights, own) >= 1).all()
    with pytest.raises(NativeDataError, match='TestG500'):
        read_protocols('cuhk-sysu', folder, ['gallery-500'])
    with pytest.raises(NativeDataError, match='no protocol'):
        read_protocols('cuhk-sysu', folder, ['gallery-51'])


def test_an_image_outside_the_pool_is_named(folder):
    savemat(
        folder / 'annotation/pool.mat',
        {'pool': trees.cell_column(POOL[:2])},
    )
    with pytest.raises(NativeDataError, match='is not in pool.mat'):
        read_protocols('cuhk-sysu', folder, ['gallery-50'])


def test_prw_protocols(tmp_path):
    trees.prw(tmp_path)
    found = {p.name: p for p in read_protocols('prw', tmp_path)}
    assert list(found) == ['standard', 'cross-camera', 'same-camera']
    base = found['standard']
    for query in range(base.num_queries):
        own = base.query_images[query]
        all_but_own = np.ones(len(base.images), int)
        all_but_own[own] = 0
        assert base.image_weights(query).tolist() == all_but_own.tolist()
        assert own not in base.relevant_images[base.relevant(query)]
        parts = [
            found[name].image_weights(query)
            for name in ('cross-camera', 'same-camera')
        ]
        assert (sum(parts) == all_but_own).all()
    with pytest.raises(NativeDataError, match='PRW-mini'):
        read_protocols('prw', tmp_path, ['mini'])


def test_prw_mini_is_thirty_persons_in_six_cameras():
    assert len({person for person, _ in PRW_MINI}) == 30
    assert {frame[1] for _, frame in PRW_MINI} == set('123456')


def test_posetrack21_protocols(tmp_path):
    trees.posetrack21(tmp_path)
    standard, other = read_protocols(
        'posetrack21', tmp_path, PROTOCOLS['posetrack21']
    )
    assert standard.num_queries == other.num_queries > 0
    for query in range(standard.num_queries):
        inside = other.image_weights(query) > 0
        groups = other.image_groups
        assert not (groups[inside] == groups[other.query_images[query]]).any()


@pytest.mark.parametrize('name', ['prw', 'posetrack21', 'cuhk-sysu'])
def test_prepared_protocols_are_the_native_ones(tmp_path, name):
    getattr(trees, name.replace('-', '_'))(tmp_path)
    out = tmp_path / 'prepared'
    out.mkdir()
    (file,) = write_protocol(name, tmp_path, out)
    native = read_protocols(name, tmp_path)
    for wanted, got in zip(native, load_protocols(out / file), strict=True):
        assert wanted.name == got.name
        assert wanted.images == got.images
        np.testing.assert_array_equal(wanted.query_boxes, got.query_boxes)
        for query in range(wanted.num_queries):
            np.testing.assert_array_equal(
                wanted.image_weights(query), got.image_weights(query)
            )
