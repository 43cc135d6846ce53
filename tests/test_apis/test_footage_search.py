from mmdet_ps.apis.footage import find_footage
from mmdet_ps.apis.footage_search import FootageSearch, index_into
from mmdet_ps.apis.gallery_store import load_gallery


def test_tracks_of_videos_that_are_taken_out_are_forgotten(place, model):
    index = place / 'index.npz'
    tracks = place / 'index.npz.tracks'
    FootageSearch.over(load_gallery(index), index_file=index)
    size = tracks.stat().st_size
    rest = find_footage(place / 'red.png')
    index_into(index, model, rest)
    assert tracks.stat().st_size == size, 'the video is in the gallery still'
    index_into(index, model, rest, remove=[str(place / 'film.avi')])
    assert tracks.stat().st_size < size
