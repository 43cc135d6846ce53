"""The query lists of CUHK-SYSU for hidden and for small persons."""

import numpy as np
import pytest
from scipy.io import savemat

from mmdet_ps.datasets.native.errors import NativeDataError
from mmdet_ps.datasets.native.protocols import read_protocols

from .. import native_trees as trees

FIRST, SECOND = (query for query, _ in trees.CUHK_QUERIES)
# Nobody asks for this one in the whole list.
OTHER = ('s10.jpg', [150, 10, 50, 90])
IMAGES = {
    name: k for k, name in enumerate(f'Image/SSM/{n}' for n in trees.CUHK_POOL)
}
# Queries with galleries that are not those of TestG50.mat.
LISTS = {
    'occlusion': [
        (SECOND, [('s12.jpg', [60, 12, 40, 80]), ('s10.jpg', None)]),
        (OTHER, [('s11.jpg', [30, 10, 40, 80]), ('s12.jpg', None)]),
        (FIRST, [('s11.jpg', [30, 10, 40, 80]), ('s11.jpg', [90, 10, 40, 80]),
                 ('s12.jpg', None)]),
    ],
    'low-resolution': [
        (OTHER, [('s12.jpg', [60, 12, 40, 80]), ('s11.jpg', None)]),
        (FIRST, [('s11.jpg', [30, 10, 40, 80])]),
    ],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    trees.cuhk_sysu(tmp_path)
    place = tmp_path / 'annotation/test/subset'
    place.mkdir()
    for name, file, variable, more in (
        ('occlusion', 'Occlusion', 'Occlusion1', {'occlusion': [[0.4]]}),
        ('low-resolution', 'Resolution', 'Test_Size', {}),
    ):
        rows = [
            dict(
                Query=trees.struct_array(
                    [dict(trees.place(*query), idname='p7')]
                ),
                Gallery=trees.struct_array(
                    [trees.place(*item) for item in gallery]
                ),
                **more,
            )
            for query, gallery in LISTS[name]
        ]
        savemat(place / f'{file}.mat', {variable: trees.struct_array(rows)})
    return tmp_path


def image(name):
    return IMAGES[f'Image/SSM/{name}']


@pytest.mark.parametrize('name', LISTS)
def test_queries_and_galleries_are_those_of_the_subset(folder, name):
    (protocol,) = read_protocols('cuhk-sysu', folder, [name])
    assert protocol.images == list(IMAGES)
    assert protocol.num_queries == len(LISTS[name])
    assert protocol.scope == 'listed' and protocol.gallery_size is None
    for k, ((query, box), gallery) in enumerate(LISTS[name]):
        assert protocol.query_images[k] == image(query)
        assert protocol.query_boxes[k].tolist() == box
        listed = [image(entry) for entry, _ in gallery]
        assert protocol.listed(k).tolist() == listed
        weights = np.bincount(listed, minlength=len(IMAGES))
        assert protocol.image_weights(k).tolist() == weights.tolist()
        relevant = protocol.relevant(k)
        found = zip(
            protocol.relevant_images[relevant].tolist(),
            protocol.relevant_boxes[relevant].tolist(),
        )
        assert list(found) == [
            (image(entry), there) for entry, there in gallery if there
        ]


@pytest.mark.parametrize('names', [None, list(LISTS), ['gallery-50', *LISTS]])
def test_queries_have_their_number_in_the_whole_list(folder, names):
    found = {p.name: p for p in read_protocols('cuhk-sysu', folder, names)}
    assert found['occlusion'].query_ids[[0, 2]].tolist() == [1, 0]
    assert found['low-resolution'].query_ids[1] == 0
    # A person of no other list has a number of no other person.
    for protocol, row in (('occlusion', 1), ('low-resolution', 0)):
        assert found[protocol].query_ids[row] >= len(trees.CUHK_QUERIES)


def test_subsets_are_read_where_they_are_there(folder):
    def names():
        return [p.name for p in read_protocols('cuhk-sysu', folder)]

    whole = ['gallery-50', 'gallery-all']
    assert names() == [*whole, 'occlusion', 'low-resolution']
    (folder / 'annotation/test/subset/Occlusion.mat').unlink()
    assert names() == [*whole, 'low-resolution']
    with pytest.raises(NativeDataError, match='Occlusion.mat'):
        read_protocols('cuhk-sysu', folder, ['occlusion'])
