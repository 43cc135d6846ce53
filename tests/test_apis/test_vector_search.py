import numpy as np
import pytest

import mmdet_ps.apis.vector_search as vector_search
from mmdet_ps.apis.vector_search import (
    ExactSearch,
    FaissSearch,
    choose_search,
    keys_of,
    probes,
)
from mmdet_ps.utils.errors import UserError


def people(count, width=16, seed=0):
    """Unit vectors in groups, as pictures of some people would lie."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(50, width))
    vectors = centres[rng.integers(0, 50, count)]
    vectors = vectors + 0.3 * rng.normal(size=(count, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


@pytest.fixture
def faiss():
    return pytest.importorskip('faiss')


def test_exact_search_equals_a_full_sort(monkeypatch):
    monkeypatch.setattr(vector_search, 'BLOCK', 100)
    vectors = people(1030)
    vectors[500] = vectors[3]  # a tie goes to the first
    queries = np.concatenate([probes(vectors), vectors[3:4]])
    numbers, values = ExactSearch(vectors).nearest(queries, 7)
    slow = np.argsort(-(queries @ vectors.T), axis=1, kind='stable')[:, :7]
    assert np.array_equal(numbers, slow)
    assert numbers[-1, :2].tolist() == [3, 500]
    assert values == pytest.approx(
        np.take_along_axis(queries @ vectors.T, slow, 1), abs=1e-6
    )
    assert ExactSearch(vectors[:4]).nearest(queries, 7)[0].shape[1] == 4


def test_faiss_finds_what_it_says(faiss):
    vectors = people(4000)
    search = FaissSearch(vectors)
    assert search.recall >= 0.95
    numbers, values = search.nearest(vectors[:50], 5)
    assert (numbers[:, 0] == np.arange(50)).all()
    assert values[:, 0] == pytest.approx(1, abs=1e-5)


def test_faiss_holds_half_precision_and_gives_whole_similarities(faiss):
    vectors = people(4000)
    search = FaissSearch(vectors)
    assert search._index.code_size == 2 * vectors.shape[1]
    queries = probes(vectors)
    numbers, values = search.nearest(queries, 5)
    for query, row, value in zip(queries, numbers, values):
        assert value == pytest.approx(vectors[row] @ query, abs=1e-6)
    assert (np.diff(values) <= 0).all()


def test_faiss_says_where_the_lists_hold_too_few(faiss):
    vectors = people(300)
    search = FaissSearch(vectors)
    search._index.nprobe = 1
    numbers, values = search.nearest(vectors[:1], 300)
    missing = numbers[0] < 0
    assert missing.any() and not missing[:1].any()
    assert np.isneginf(values[0][missing]).all()
    assert len(set(numbers[0][~missing])) == (~missing).sum()


def test_vectors_come_and_go_without_building_anew(faiss):
    vectors = people(3000)
    search = FaissSearch(vectors[:2000])
    changed = np.concatenate([vectors[500:2000], vectors[2000:]])
    assert search.update(changed) == (1000, 500)
    assert search._trained_on == 2000
    assert len(search) == 2500
    numbers, _ = search.nearest(changed[[0, 1499, 2499]], 1)
    assert numbers[:, 0].tolist() == [0, 1499, 2499]
    assert search.update(changed) == (0, 0)
    truth, _ = ExactSearch(changed).nearest(probes(changed), 10)
    found, _ = search.nearest(probes(changed), 10)
    hits = [len(set(a) & set(b)) for a, b in zip(truth, found)]
    assert np.mean(hits) / 10 == pytest.approx(search.recall, abs=1e-6)


def test_an_index_is_kept_on_disk_and_grown(faiss, tmp_path):
    path, said = tmp_path / 'a.faiss', []
    vectors = people(1500)
    choose_search(vectors[:1000], 'faiss', path, said.append)
    first = path.read_bytes()
    choose_search(vectors[:1000], 'faiss', path, said.append)
    assert path.read_bytes() == first, 'nothing changed, nothing is written'
    search = choose_search(vectors, 'faiss', path, said.append)
    assert len(search) == 1500 and len(said) == 3
    assert 'of the 10 nearest it finds' in said[-1]
    assert search.nearest(vectors[1400:1401], 1)[0][0, 0] == 1400


def test_an_index_of_vectors_of_another_length_is_built_again(faiss, tmp_path):
    path, said = tmp_path / 'a.faiss', []
    choose_search(people(600), 'faiss', path, said.append)
    vectors = people(600, width=8)
    search = choose_search(vectors, 'faiss', path, said.append)
    assert 'built again' in said[1] and 'another length' in said[1]
    assert search.nearest(vectors[:1], 1)[0][0, 0] == 0


@pytest.mark.parametrize('count', [1, 2, 15])
def test_faiss_holds_a_few_vectors(faiss, count):
    vectors = people(count)
    search = choose_search(vectors, 'faiss', say=lambda _: None)
    numbers, _ = search.nearest(vectors, 1)
    assert numbers[:, 0].tolist() == list(range(count))


def test_in_a_folder_to_read_alone_an_index_is_not_kept(faiss, tmp_path):
    (tmp_path / 'a').touch()  # no folder, so that nothing is written into it
    said, vectors = [], people(600)
    search = choose_search(vectors, 'faiss', tmp_path / 'a/b', said.append)
    assert 'the index is not kept' in said[0]
    assert search.nearest(vectors[:1], 1)[0][0, 0] == 0


@pytest.mark.parametrize('suffix', ['', '.json'])
def test_a_damaged_index_is_built_again_with_a_word(faiss, tmp_path, suffix):
    path, said = tmp_path / 'a.faiss', []
    vectors = people(600)
    choose_search(vectors, 'faiss', path, said.append)
    spoilt = path.with_name(path.name + suffix)
    data = bytearray(spoilt.read_bytes())
    data[len(data) // 2] ^= 0xFF
    spoilt.write_bytes(data)
    search = choose_search(vectors, 'faiss', path, said.append)
    assert 'is built again' in said[1]
    assert search.nearest(vectors[:1], 1)[0][0, 0] == 0
    said.clear()
    choose_search(vectors, 'faiss', path, said.append)
    assert len(said) == 1


def test_size_chooses(faiss, monkeypatch):
    vectors = people(200)
    assert isinstance(choose_search(vectors), ExactSearch)
    monkeypatch.setattr(vector_search, 'EXACT_LIMIT', 100)
    assert isinstance(choose_search(vectors), FaissSearch)
    assert isinstance(choose_search(vectors, 'exact'), ExactSearch)
    assert isinstance(choose_search(vectors[:0], 'faiss'), ExactSearch)
    with pytest.raises(UserError, match='one of auto, exact, faiss'):
        choose_search(vectors, 'annoy')


def test_without_faiss_search_is_exact_and_says_what_helps(monkeypatch):
    monkeypatch.setattr(vector_search, 'EXACT_LIMIT', 100)
    monkeypatch.setattr(vector_search, 'has_faiss', lambda: False)
    said = []
    search = choose_search(people(200), say=said.append)
    assert isinstance(search, ExactSearch) and 'pip install' in said[0]


def test_copies_have_keys_of_their_own():
    vectors = people(40)
    vectors[[7, 9, 30]] = vectors[2]
    keys = keys_of(vectors)
    assert len(set(keys.tolist())) == 40 and keys.min() >= 0
    alone = keys_of(vectors[:7])
    assert np.array_equal(alone, keys[:7])
