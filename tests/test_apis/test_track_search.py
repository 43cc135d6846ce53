import numpy as np
import pytest

from mmdet_ps.apis import Frame
from mmdet_ps.apis.footage_search import FootageSearch
from mmdet_ps.apis.linking import describe_tracks
from mmdet_ps.apis.open_search import FALLBACK_THRESHOLD, find_person
from mmdet_ps.apis.queries import EmbeddedQuery
from mmdet_ps.apis.track_search import find_tracks, threshold_from_tracks
from mmdet_ps.apis.vector_search import ExactSearch
from mmdet_ps.utils.errors import UserError

from .test_open_search import EAST, make_index


def gallery_and_tracks(rows, tracks, video=True, number_of_frames=4):
    """From (frame, x, degrees) and the track of each row."""
    gallery = make_index(rows, number_of_frames)
    if video:
        gallery.frames = [
            Frame('v.mp4', i, i / 2) for i in range(number_of_frames)
        ]
    return gallery, describe_tracks(gallery, np.array(tracks, np.int64))


def find(gallery, tracks, threshold=0.9, **options):
    search = ExactSearch(tracks.means)
    return find_tracks(gallery, tracks, search, EAST, threshold, **options)


def test_one_answer_per_track_with_its_times_and_best_picture():
    rows = [(0, 0, 20), (0, 50, 80), (1, 5, 10), (2, 10, 30), (3, 50, 85)]
    gallery, tracks = gallery_and_tracks(rows, [0, 1, 0, 0, 1])
    first, second = find(gallery, tracks)
    assert (first.track, first.start, first.end) == (0, 0, 1)
    assert first.sightings == 3 and first.accepted
    assert (first.frame.index, first.bbox[0]) == (1, 5), 'the likest of it'
    # Its similarity is that of its mean look, at 20 degrees.
    assert first.similarity == pytest.approx(np.cos(np.deg2rad(20)), abs=1e-3)
    assert (second.track, second.start, second.end) == (1, 0, 1.5)
    assert second.rank == 2 and not second.accepted
    row = first.row()
    assert (row['start'], row['end'], row['sightings']) == (0, 1, 3)


def test_a_person_found_twice_in_a_frame_was_seen_once_there():
    rows = [(0, 0, 10), (0, 1, 12), (1, 0, 10)]
    gallery, tracks = gallery_and_tracks(rows, [0, 0, 0])
    (answer,) = find(gallery, tracks)
    assert answer.sightings == 2


def test_pictures_give_what_they_gave_without_tracks():
    rows = [(0, 0, 60), (0, 50, 10), (1, 0, 0), (2, 0, 90)]
    gallery, tracks = gallery_and_tracks(rows, [0, 1, 2, 3], video=False)
    linked, plain = find(gallery, tracks), find_person(gallery, EAST, 0.9)
    for one, other in zip(linked, plain, strict=True):
        assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
        for name in ('rank', 'accepted', 'frame', 'bbox', 'start', 'end'):
            assert getattr(one, name) == getattr(other, name)


def test_the_query_itself_is_no_answer_but_its_track_elsewhere_is():
    rows = [(0, 0, 0), (1, 2, 5), (2, 50, 20)]
    gallery, tracks = gallery_and_tracks(rows, [0, 0, 1])
    query = (Frame('v.mp4', 0, 0.0), np.array([0, 0, 10, 20]))
    first, second = find(gallery, tracks, queries=[query])
    assert (first.track, first.frame.index, first.sightings) == (0, 1, 1)
    assert second.track == 1
    gallery, tracks = gallery_and_tracks(rows, [0, 1, 2])
    assert [a.track for a in find(gallery, tracks, queries=[query])] == [1, 2]


def test_nobody_is_in_two_places_at_once():
    # Both tracks look alike; they have frame 1 in common.
    rows = [(0, 0, 0), (1, 2, 0), (1, 60, 5), (2, 60, 5), (3, 0, 1)]
    gallery, tracks = gallery_and_tracks(rows, [0, 0, 1, 1, 2])
    answers = find(gallery, tracks)
    assert [(a.track, a.accepted) for a in answers] == [
        (0, True), (2, True), (1, False),
    ]  # fmt: skip


def test_a_person_found_twice_in_one_frame_goes_on():
    # Track 1 goes on where track 0 ends, with one frame in common.
    rows = [(i, 5 * i, 0) for i in range(4)]
    rows += [(3, 60, 2), *[(i, 5 * i, 2) for i in range(4, 8)]]
    gallery, tracks = gallery_and_tracks(
        rows, [0] * 4 + [1] * 5, number_of_frames=8
    )
    answers = find(gallery, tracks)
    assert [(a.track, a.accepted) for a in answers] == [(0, True), (1, True)]


def test_top_k_counts_answers():
    rows = [(i % 4, 30 * i, 3 * i) for i in range(12)]
    gallery, tracks = gallery_and_tracks(rows, range(12))
    assert [a.track for a in find(gallery, tracks, top_k=5)] == list(range(5))
    assert len(find(gallery, tracks, top_k=50)) == 12


def test_threshold_from_pairs_of_a_picture_and_the_track_of_another():
    rng = np.random.default_rng(0)
    rows = [
        (frame, 50 * k, 40 * k + rng.normal(0, 5))
        for frame in range(60)
        for k in range(3)
    ]
    gallery, tracks = gallery_and_tracks(rows, list(range(3)) * 60,
                                         number_of_frames=60)  # fmt: skip
    threshold, pairs = threshold_from_tracks(gallery, tracks, 0.01)
    assert pairs == 60 * 6
    assert np.cos(np.deg2rad(40)) < threshold < np.cos(np.deg2rad(20))
    few = gallery_and_tracks(rows[:6], [0, 1, 2] * 2)
    assert threshold_from_tracks(*few) == (FALLBACK_THRESHOLD, 12)


def test_units_of_an_answer():
    rows = [(0, 0, 60), (0, 50, 10), (1, 0, 0), (2, 0, 90)]
    gallery, tracks = gallery_and_tracks(rows, [0, 1, 1, 1])
    search = FootageSearch(gallery, tracks, ExactSearch(tracks.means))
    query = EmbeddedQuery('a', EAST, [Frame('q.jpg')], [[0, 0, 9, 9]], [])
    counts = {
        unit: len(search.find(query, 0.9, unit=unit))
        for unit in ('track', 'frame', 'detection')
    }
    assert counts == {'track': 2, 'frame': 3, 'detection': 4}
    with pytest.raises(UserError, match='one of track'):
        search.find(query, 0.9, unit='person')
