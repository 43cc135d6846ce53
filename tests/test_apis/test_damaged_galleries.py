"""Whatever is wrong with a gallery on disk, it is a word and a new one."""

import io
import json
import random

import numpy as np
import pytest

from mmdet_ps.apis.frames import Frame
from mmdet_ps.apis.gallery_index import GalleryIndex
from mmdet_ps.apis.gallery_store import GalleryStore, load_gallery
from mmdet_ps.apis.inference import Detections
from mmdet_ps.utils.errors import UserError

STRANGE = (None, -1, 'x', [], {}, 1e30, [[]], 10**20)
ARRAYS = (np.zeros(0), np.array(['x']), np.full((3, 3), -5), np.full(8, 1e30))


@pytest.fixture
def store(tmp_path):
    """A gallery of four pictures, two persons each."""
    path = tmp_path / 'index.npz'
    with GalleryStore(path, 'mark') as gallery:
        for number in range(4):
            persons = Detections(
                np.ones((2, 4), np.float32),
                np.ones(2, np.float32),
                np.eye(8, dtype=np.float32)[:2],
            )
            gallery.append(Frame(f'{number}.jpg'), 'stamp', persons)
        gallery.commit()
    return path


def damaged(content, chance):
    """A file cut, with other bytes, or with other values in its fields."""
    kind = chance.randrange(4)
    if kind == 0:
        return content[: chance.randrange(len(content))]
    if kind == 1:
        other = bytearray(content)
        for _ in range(chance.choice([1, 3, 20])):
            other[chance.randrange(len(other))] = chance.randrange(256)
        return bytes(other)
    fields = dict(np.load(io.BytesIO(content)))
    header = json.loads(bytes(fields['header']))
    header[chance.choice(list(header))] = chance.choice(STRANGE)
    if kind == 3:
        header = chance.choice([[], None, 3, 'x', header])
        name = chance.choice([name for name in fields if name != 'header'])
        fields[name] = chance.choice(ARRAYS)
    fields['header'] = np.array(json.dumps(header))
    buffer = io.BytesIO()
    np.savez(buffer, **fields)
    return buffer.getvalue()


def test_a_damaged_store_is_built_again_or_refused_in_a_word(store):
    content = store.read_bytes()
    vectors = store.with_name('index.npz.vectors')
    embeddings = vectors.read_bytes()
    chance, said = random.Random(0), []
    for _ in range(200):
        store.write_bytes(damaged(content, chance))
        vectors.write_bytes(embeddings)
        try:
            assert len(load_gallery(store)) == 8
        except UserError as error:
            said.append(str(error))
        with GalleryStore(store, 'mark', said.append) as gallery:
            assert len(gallery.gallery()) in (0, 8)
    assert len(said) > 100 and all(str(store) in text for text in said)


def test_a_damaged_index_is_refused_in_a_word(store):
    load_gallery(store).save(store)
    content, chance, refused = store.read_bytes(), random.Random(1), 0
    for _ in range(200):
        store.write_bytes(damaged(content, chance))
        try:
            GalleryIndex.load(store)
        except UserError as error:
            assert 'delete it, it is built again' in str(error)
            refused += 1
    assert refused > 100
