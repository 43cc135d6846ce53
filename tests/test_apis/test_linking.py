import numpy as np
import pytest

from mmdet_ps.apis import Frame, GalleryIndex
from mmdet_ps.apis.linking import (
    Likeness,
    Linker,
    describe_tracks,
    likeness_of,
    link_gallery,
)
from mmdet_ps.apis.track_cache import TrackCache

LOOKS = np.eye(6, dtype=np.float32)


def video(people, times, path='v.mp4'):
    """A gallery of a video from one function of time per person.

    Each gives (x, y, height) or None where the person is not seen; person
    k looks like axis k. Boxes are half as wide as high.
    """
    frames, frame_of, boxes, looks, truth = [], [], [], [], []
    for number, seconds in enumerate(times):
        frames.append(Frame(path, number, seconds))
        for k, person in enumerate(people):
            place = person(seconds)
            if place is None:
                continue
            x, y, height = place
            frame_of.append(number)
            boxes.append([x, y, x + height / 2, y + height])
            looks.append(LOOKS[k])
            truth.append(k)
    return gallery_of(frames, frame_of, boxes, looks), np.array(truth)


def gallery_of(frames, frame_of, boxes, looks):
    width = np.shape(looks)[1] if len(looks) else 6
    return GalleryIndex(
        frames=frames,
        stamps=[''] * len(frames),
        frame_of=np.array(frame_of, np.int64),
        bboxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(len(boxes), 0.9, np.float32),
        embeddings=np.array(looks, np.float32).reshape(len(boxes), width),
        model_mark='',
    )


def walk(start, speed, seen=(0, 1e9), y=100, height=100):
    """A person at ``start + speed * t`` while it is seen."""

    def place(t):
        return (start + speed * t, y, height) if inside(t) else None

    def inside(t):
        return seen[0] <= t <= seen[1]

    return place


def agree(tracks, truth):
    """Whether tracks and persons are the same up to numbering."""
    pairs = set(zip(tracks.track_of.tolist(), truth.tolist()))
    return len(pairs) == len(set(truth.tolist())) == len(tracks)


TIMES = np.round(np.arange(0, 20, 0.4), 3)


def test_persons_who_walk_past_each_other_keep_their_tracks():
    people = [walk(0, 60), walk(1000, -50), walk(400, 0, y=110)]
    gallery, truth = video(people, TIMES)
    assert agree(link_gallery(gallery), truth)


def test_a_track_knows_when_it_begins_and_ends():
    people = [walk(0, 30, seen=(2, 9)), walk(900, 0, seen=(5, 6))]
    gallery, truth = video(people, TIMES)
    tracks = link_gallery(gallery)
    assert agree(tracks, truth)
    assert sorted(tracks.start) == [2, 5.2]
    assert sorted(tracks.end) == [6, 8.8]
    assert tracks.means.max(axis=1) == pytest.approx([1, 1])


def test_a_person_hidden_for_a_while_goes_on_one_gone_for_long_does_not():
    def hidden(start, end):
        return lambda t: None if start < t < end else (30 * t, 100, 100)

    gallery, _ = video([hidden(4, 6)], TIMES)
    assert len(link_gallery(gallery)) == 1
    gallery, _ = video([hidden(4, 9)], TIMES)
    assert len(link_gallery(gallery)) == 2
    assert len(link_gallery(gallery, max_gap=6)) == 1


def test_another_person_in_the_same_place_is_another_track():
    people = [walk(100, 0, seen=(0, 5)), walk(100, 0, seen=(5.2, 9))]
    gallery, truth = video(people, TIMES)
    tracks = link_gallery(gallery, Likeness(least=0.3, same=0.8))
    assert agree(tracks, truth)


def test_a_fast_person_without_overlap_is_linked_by_the_look():
    people = [walk(0, 200, height=80), walk(2000, -200, y=900, height=80)]
    gallery, truth = video(people, TIMES[:10])
    assert agree(link_gallery(gallery), truth)
    # Nobody is ten body heights away within less than a second.
    gallery, _ = video([walk(0, 2000, height=80)], TIMES[:10])
    assert len(link_gallery(gallery)) == 10


def test_a_person_found_twice_is_one_track():
    linker = Linker()
    boxes = np.array([[0, 0, 50, 100], [2, 1, 52, 101], [200, 0, 250, 100]])
    for t in (0.0, 0.4):
        numbers = linker.update(
            t, boxes + 5 * t, LOOKS[[0, 0, 1]], np.array([0.6, 0.9, 0.8])
        )
        assert numbers.tolist() == [0, 0, 1]
    assert linker.count == 2


def test_persons_of_pictures_are_alone_and_videos_apart():
    frames = [Frame('a.jpg'), Frame('v.mp4', 0, 0.0), Frame('w.mp4', 0, 0.0)]
    box = [0, 0, 50, 100]
    gallery = gallery_of(frames, [0, 0, 1, 2], [box] * 4, LOOKS[[0, 0, 0, 0]])
    tracks = link_gallery(gallery)
    assert len(set(tracks.track_of.tolist())) == len(tracks) == 4
    assert tracks.start[tracks.track_of[0]] == -1


def test_frames_that_came_later_are_put_in_order():
    gallery, truth = video([walk(0, 60)], TIMES)
    turned = gallery_of(
        gallery.frames[1::2] + gallery.frames[::2],
        gallery.frame_of,
        np.concatenate([gallery.bboxes[1::2], gallery.bboxes[::2]]),
        gallery.embeddings,
    )
    tracks = link_gallery(turned)
    assert agree(tracks, truth)
    rows = tracks.members(0)
    assert (np.diff(turned.bboxes[rows, 0]) > 0).all()
    assert (tracks.start[0], tracks.end[0]) == (TIMES[0], TIMES[-1])


def test_the_gallery_says_what_counts_as_alike():
    assert likeness_of(video([walk(0, 60)], TIMES)[0]) == Likeness()
    rng = np.random.default_rng(0)
    people = [walk(200 * k, 0, height=90) for k in range(5)]
    gallery, _ = video(people, TIMES)
    looks = 1 + 0.3 * rng.normal(size=(len(gallery), 6))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    gallery.embeddings = looks.astype(np.float32)
    likeness = likeness_of(gallery)
    assert 0.8 < likeness.least < likeness.same < 1


def test_in_a_folder_to_read_alone_tracks_are_not_kept(tmp_path):
    (tmp_path / 'a').touch()  # no folder, so that nothing is written into it
    gallery, truth = video([walk(0, 60)], TIMES)
    said = []
    cache = TrackCache(tmp_path / 'a/b', said.append)
    assert agree(link_gallery(gallery, cache=cache), truth)
    assert 'tracks are not kept' in said[0]


def test_videos_are_linked_once(tmp_path, monkeypatch):
    people = [walk(0, 60), walk(1000, -50), walk(400, 0, y=400)]
    gallery, truth = video(people, TIMES)
    path = tmp_path / 'index.npz.tracks'
    first = link_gallery(gallery, cache=TrackCache(path))
    linked = []
    update = Linker.update
    monkeypatch.setattr(
        Linker,
        'update',
        lambda self, *args: linked.append(1) or update(self, *args),
    )
    again = link_gallery(gallery, cache=TrackCache(path))
    assert not linked and np.array_equal(again.track_of, first.track_of)
    # Another setting, or another frame, and it is linked anew.
    link_gallery(gallery, max_gap=1, cache=TrackCache(path))
    assert len(linked) == len(TIMES)
    longer, truth = video(people, [*TIMES, 20.0])
    assert agree(link_gallery(longer, cache=TrackCache(path)), truth)
    assert len(linked) == 2 * len(TIMES) + 1
    path.write_bytes(path.read_bytes()[:100])
    said = []
    link_gallery(gallery, cache=TrackCache(path, said.append))
    assert 'is made again' in said[0] and len(linked) == 3 * len(TIMES) + 1


def test_of_a_video_only_the_latest_tracks_are_kept(tmp_path):
    path = tmp_path / 'tracks'
    for count in range(3, 9):  # a recording that goes on
        for name in ('v.mp4', 'w.mp4'):
            gallery, _ = video([walk(0, 60)], TIMES[:count], name)
            link_gallery(gallery, cache=TrackCache(path))
        with np.load(path) as data:
            assert len(data.files) == 1 + 2  # their names, and two videos
    numbers = np.zeros(8, np.int64)
    cache = TrackCache(path)
    cache.put('v.mp4', 'mark', numbers)
    cache.put('w.mp4', 'mark', numbers)
    cache.keep(['u.mp4', 'w.mp4'])
    cache.save()
    cache = TrackCache(path)
    assert cache.get('v.mp4', 'mark', 8) is None
    assert np.array_equal(cache.get('w.mp4', 'mark', 8), numbers)


def test_an_empty_gallery_has_no_tracks():
    gallery, _ = video([walk(0, 0, seen=(99, 99))], TIMES)
    assert len(link_gallery(gallery)) == 0


def test_means_of_many_rows_equal_a_slow_sum():
    rng = np.random.default_rng(1)
    count = 40_000  # more than are read at once
    looks = rng.normal(size=(count, 3)).astype(np.float32)
    gallery = gallery_of(
        [Frame('a.jpg')], [0] * count, np.zeros((count, 4)), looks
    )
    track_of = rng.permutation(np.arange(count) % 7)
    tracks = describe_tracks(gallery, track_of)
    for k in range(7):
        mean = looks[track_of == k].astype(float).sum(0)
        assert tracks.means[k] == pytest.approx(
            mean / np.linalg.norm(mean), abs=1e-3
        )
        assert set(tracks.members(k)) == set(np.flatnonzero(track_of == k))
