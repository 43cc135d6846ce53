import cv2
import numpy as np
import pytest

from mmdet_ps.apis.footage import Skipped
from mmdet_ps.apis.footage_search import Threshold
from mmdet_ps.apis.frames import Frame
from mmdet_ps.apis.open_search import Answer
from mmdet_ps.apis.queries import EmbeddedQuery
from mmdet_ps.apis.search_report import (
    DRAWN,
    clock,
    draw_answers,
    report_of,
    verdict_of,
    write_answers,
    write_skipped,
)
from mmdet_ps.utils.images import write_image

from .colour_model import scene


def test_a_table_without_rows_has_its_line_of_names(tmp_path):
    frame, box = Frame('a.png'), (10, 10, 40, 90)
    query = EmbeddedQuery('a', np.zeros(3), [frame], [list(box)], [])
    found = [Answer(1, 0.5, True, frame, box, 0.9)]
    rows = report_of(query, found, Threshold(0.5, 'given'))['answers']
    skipped = [Skipped('b.png', 'hidden')]
    for write, entries in ((write_answers, rows), (write_skipped, skipped)):
        lines = []
        for kept in (entries, []):
            write(tmp_path / 'table.csv', kept)
            lines.append((tmp_path / 'table.csv').read_text().splitlines())
        (names, _), (names_alone,) = lines
        assert names == names_alone
    assert names == 'path,reason'


@pytest.mark.parametrize(
    ('seconds', 'expected'),
    [
        (0, '0:00.0'),
        (59.94, '0:59.9'),
        (59.96, '1:00.0'),
        (3599.97, '1:00:00.0'),
        (3661.2, '1:01:01.2'),
    ],
)
def test_a_clock_shows_no_sixtieth_second(seconds, expected):
    assert clock(seconds) == expected


def test_where_nobody_is_found_no_similarity_is_given():
    verdict = verdict_of([], Threshold(0.5, 'given'))
    assert verdict.startswith('not found: the footage shows nobody')


def test_a_picture_of_very_many_answers_can_be_written(tmp_path):
    image = scene([])
    path = tmp_path / f'{200 * "a"}.png'
    cv2.imwrite(str(path), image)
    frame, box = Frame(str(path)), (10, 10, 40, 90)
    many = 3 * DRAWN
    query = EmbeddedQuery(
        'a', np.zeros(3), [frame] * many, [list(box)] * many, [image] * many
    )
    answers = [
        Answer(rank, 0.5, rank <= DRAWN, frame, box, 0.9)
        for rank in range(1, 5 * DRAWN)
    ]
    picture = draw_answers(query, answers, 'title')
    assert np.array_equal(
        picture, draw_answers(query, answers[:DRAWN], 'title')
    )
    write_image(tmp_path / 'ranking.jpg', picture)
