import cv2
import numpy as np
import pytest

from mmdet_ps.structures import Ranking
from mmdet_ps.visualization.drawing import BLUE, GREEN, ORANGE, RED
from mmdet_ps.visualization.ranking_picture import draw_row
from mmdet_ps.visualization.ranking_visualizer import RankingVisualizer
from mmdet_ps.visualization.search_picture import (
    answer_tiles,
    missed_tiles,
    query_tile,
    short_name,
)


@pytest.fixture
def image_paths(tmp_path):
    """Five 60 x 80 images; image i is grey of brightness 40 i."""
    paths = []
    for i in range(5):
        path = tmp_path / f'c{i}.png'
        cv2.imwrite(str(path), np.full((60, 80, 3), 40 * i, np.uint8))
        paths.append(str(path))
    return paths


@pytest.fixture
def ranking():
    """Wrong, right, wrong; the person is in images 2 (found) and 4."""
    box = [10, 10, 30, 50]
    return Ranking(
        hit_ranks=np.array([2]),
        hit_counts=np.array([2]),
        num_relevant=2,
        num_candidates=3,
        images=np.array([1, 2, 3]),
        bboxes=np.array([box] * 3, float),
        scores=np.ones(3),
        similarities=np.array([0.9, 0.8, 0.1]),
        is_hit=np.array([False, True, False]),
        query=0,
        query_image=0,
        query_bbox=np.array(box, float),
        person_id=12,
        relevant_images=np.array([2, 4]),
        relevant_bboxes=np.array([box, box], float),
    )


def test_answers_are_green_or_red_with_rank_and_similarity(
    ranking, image_paths
):
    tiles = answer_tiles(ranking, image_paths, top_k=2)
    assert [tile.colour for tile in tiles] == [RED, GREEN]
    assert [tile.caption.split() for tile in tiles] == [
        ['1', '0.90'],
        ['2', '0.80'],
    ]
    assert [int(tile.image[0, 0, 0]) for tile in tiles] == [40, 80]


def test_the_missed_person_is_the_one_no_drawn_answer_finds(
    ranking, image_paths
):
    assert [t.note for t in missed_tiles(ranking, image_paths, 3)] == ['c4']
    assert [t.note for t in missed_tiles(ranking, image_paths, 1)] == [
        'c2',
        'c4',
    ]
    assert query_tile(ranking, image_paths).caption == 'person 12'


@pytest.mark.parametrize('style', ['crops', 'scenes', 'both'])
def test_the_picture_has_a_frame_of_each_kind(ranking, image_paths, style):
    visualizer = RankingVisualizer(style=style, top_k=3)
    picture = visualizer.draw_ranking(ranking, image_paths)
    left_edges = [
        np.flatnonzero((picture == colour).all(-1).any(0))[0]
        for colour in (BLUE, RED, GREEN, ORANGE)
    ]
    assert left_edges == sorted(left_edges), 'query, wrong, right, missed'


def test_a_search_without_answers_still_shows_query_and_missed(
    ranking, image_paths
):
    nothing = Ranking(
        np.zeros(0, int),
        np.zeros(0, int),
        2,
        query_image=0,
        query_bbox=ranking.query_bbox,
        relevant_images=ranking.relevant_images,
        relevant_bboxes=ranking.relevant_bboxes,
    )
    picture = RankingVisualizer().draw_ranking(nothing, image_paths)
    assert (picture == BLUE).all(-1).any()
    assert (picture == ORANGE).all(-1).any()
    assert not (picture == RED).all(-1).any()


def test_pictures_reach_the_backends_and_files(ranking, image_paths, tmp_path):
    visualizer = RankingVisualizer(
        vis_backends=[
            dict(type='LocalVisBackend'),
            dict(type='TensorboardVisBackend'),
        ],
        save_dir=str(tmp_path / 'run'),
    )
    visualizer.add_ranking('ranking_best_0', ranking, image_paths, step=7)
    visualizer.close()
    local = tmp_path / 'run/vis_data/vis_image/ranking_best_0_7.png'
    assert cv2.imread(str(local)) is not None
    events = list((tmp_path / 'run').rglob('events.out.tfevents.*'))
    assert b'ranking_best_0' in events[0].read_bytes()
    out_file = tmp_path / 'pictures/best.jpg'
    visualizer.add_ranking('x', ranking, image_paths, out_file=out_file)
    assert cv2.imread(str(out_file)).shape[1] > 400


def test_no_tile_is_an_error_and_long_names_keep_their_end():
    with pytest.raises(ValueError, match='needs a query'):
        draw_row([('query', [])])
    assert short_name('a/s123.jpg') == 's123'
    assert short_name('x/000001_bonn_relpath_000000.jpg').endswith('_000000')
    assert len(short_name('x' * 99)) <= 17
