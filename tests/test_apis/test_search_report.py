import cv2
import numpy as np

from mmdet_ps.apis.frames import Frame
from mmdet_ps.apis.open_search import Answer
from mmdet_ps.apis.queries import EmbeddedQuery
from mmdet_ps.apis.search_report import DRAWN, draw_answers
from mmdet_ps.utils.images import write_image

from .colour_model import scene


def test_a_picture_of_very_many_answers_can_be_written(tmp_path):
    image = scene([])
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    frame, box = Frame(str(tmp_path / 'a.png')), (10, 10, 40, 90)
    query = EmbeddedQuery('a', np.zeros(3), [frame], [list(box)], [image])
    answers = [
        Answer(rank, 0.5, rank <= DRAWN, frame, box, 0.9)
        for rank in range(1, 5 * DRAWN)
    ]
    picture = draw_answers(query, answers, 'title')
    assert np.array_equal(
        picture, draw_answers(query, answers[:DRAWN], 'title')
    )
    write_image(tmp_path / 'ranking.jpg', picture)
