"""Ids are copied to the host once for each pair of tensors."""

import gc

import torch

from mmdet_ps.models.losses import ids_on_host as module
from mmdet_ps.models.losses.ids_on_host import ids_on_host
from mmdet_ps.structures.fields import IGNORED


def rows():
    return torch.ones(3, 4), torch.tensor([5, -1, 2])


def test_rows_that_are_not_finite_are_ignored():
    embeddings, person_ids = rows()
    embeddings[2, 1] = float('inf')
    given, kept = ids_on_host(embeddings, person_ids)
    assert given.tolist() == [5, -1, 2]
    assert kept.tolist() == [5, -1, IGNORED]


def test_the_same_tensors_are_looked_at_once():
    embeddings, person_ids = rows()
    first = ids_on_host(embeddings, person_ids)
    assert ids_on_host(embeddings, person_ids)[0] is first[0]
    # Other persons of the same rows, and the same persons of other rows.
    assert ids_on_host(embeddings, person_ids + 1)[0].tolist() == [6, 0, 3]
    other = torch.full((3, 4), float('nan'))
    assert ids_on_host(other, person_ids)[1].tolist() == [IGNORED] * 3


def test_what_was_written_to_is_looked_at_again():
    embeddings, person_ids = rows()
    ids_on_host(embeddings, person_ids)
    embeddings[0] = float('nan')
    assert ids_on_host(embeddings, person_ids)[1][0] == IGNORED
    person_ids[1] = 7
    assert ids_on_host(embeddings, person_ids)[0].tolist() == [5, 7, 2]


def test_nothing_is_kept_of_rows_that_are_gone():
    embeddings, person_ids = rows()
    ids_on_host(embeddings, person_ids)
    number = len(module._COPIES)
    del embeddings
    gc.collect()
    assert len(module._COPIES) == number - 1


def test_in_inference_mode():
    with torch.inference_mode():
        embeddings, person_ids = rows()
        assert ids_on_host(embeddings, person_ids)[0].tolist() == [5, -1, 2]
