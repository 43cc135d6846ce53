import json

import numpy as np
import pytest

from mmdet_ps.apis.ranked_results import rank_results
from mmdet_ps.evaluation.results_file import save_results
from mmdet_ps.structures import SearchProtocol, save_protocols

BOX = [10, 10, 20, 40]


def record(i, similarity, score=0.9, given=True):
    """One person in image i, as alike to the query as said."""
    vector = np.array([[similarity, np.sqrt(1 - similarity**2)]], np.float32)
    box = np.array([[10, 10, 30, 50]], np.float32)
    found = dict(
        img_id=i,
        img_path=f'data/X/frames/{i}.jpg',
        bboxes=box,
        scores=np.array([score], np.float32),
        embeddings=vector,
    )
    if given:
        found.update(gt_bboxes=box, gt_person_ids=np.array([0]),
                     gt_embeddings=vector)  # fmt: skip
    return found


@pytest.fixture
def root(tmp_path):
    """Query in image 0; the person is in 2 and 3, somebody else in 1."""
    prepared = tmp_path / 'X' / 'prepared'
    prepared.mkdir(parents=True)
    names = [f'frames/{i}.jpg' for i in range(4)]
    protocol = SearchProtocol(
        'standard', names, [0], [0], [BOX], [0, 2], [2, 3], [BOX, BOX]
    )
    save_protocols(prepared / 'protocol.npz', [protocol])
    images = [dict(img_path=name, instances=[]) for name in names]
    document = dict(metainfo={}, data_list=images)
    (prepared / 'test.json').write_text(json.dumps(document))
    return tmp_path / 'X'


def test_rankings_scores_and_files_of_a_dump(root, tmp_path):
    records = [record(i, s) for i, s in enumerate([1.0, 0.9, 0.8, 0.7])]
    save_results(tmp_path / 'r.pkl', records[::-1], dict(dataset='x'))
    ranked = rank_results(tmp_path / 'r.pkl', root)
    # Wrong, right, right: precisions 1/2 and 2/3.
    assert ranked.average_precisions == pytest.approx([(1 / 2 + 2 / 3) / 2])
    assert ranked.rankings[0].images.tolist() == [1, 2, 3]
    assert ranked.image_paths[2] == str(root / 'frames/2.jpg')


def test_another_number_of_annotated_images_is_said(root, tmp_path):
    records = [record(i, 0.5) for i in range(4)]
    save_results(tmp_path / 'r.pkl', records, dict(dataset='x'))
    test = root / 'prepared/test.json'
    test.write_text(json.dumps(dict(metainfo={}, data_list=[])))
    with pytest.raises(ValueError, match='names 0 images'):
        rank_results(tmp_path / 'r.pkl', root)


def test_options_say_how_to_score(root, tmp_path):
    similar = [(1.0, 0.9), (0.9, 0.3), (0.8, 0.9), (0.7, 0.9)]
    records = [record(i, *pair) for i, pair in enumerate(similar)]
    save_results(tmp_path / 'r.pkl', records, dict(dataset='x'))
    # The wrong one falls below a threshold between its score and the others.
    for score_thr, expected in ((None, (1 / 2 + 2 / 3) / 2), (0.5, 1.0)):
        ranked = rank_results(tmp_path / 'r.pkl', root, score_thr=score_thr)
        assert ranked.average_precisions == pytest.approx([expected])
