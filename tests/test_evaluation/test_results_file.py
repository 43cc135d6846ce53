"""Result files of both forms, and files that are something else."""

import pickle

import numpy as np
import pytest

from mmdet_ps.evaluation.results_file import (
    align_records,
    load_results,
    save_results,
    to_results,
)
from mmdet_ps.utils.errors import UserError


def rows(count, dims=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((count, 5 + dims)).astype(np.float32)


def write(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


# mmcv writes protocol 2; an empty array has its own form of bytes there.
@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
def test_one_branch(tmp_path, protocol, core):
    content = [[rows(3)], [rows(0)], [rows(2, seed=1)]]
    data = pickle.dumps(content, protocol=protocol)
    other = b'numpy._core' if core == b'numpy.core' else b'numpy.core'
    if protocol < 4:  # later ones state the length of names
        data = data.replace(other, core)
        assert core in data and other not in data
    path = tmp_path / 'results_1000.pkl'
    path.write_bytes(data)
    stored = load_results(path)
    found = stored.align(['a', 'b', 'c'])
    assert stored.legacy and list(found.branches) == ['default']
    assert found.detections.offsets.tolist() == [0, 3, 3, 5]
    np.testing.assert_array_equal(
        found.detections.embeddings['default'][3:], content[2][0][:, 5:]
    )
    np.testing.assert_array_equal(
        found.detections.scores[:3], content[0][0][:, 4]
    )


def test_two_branches(tmp_path):
    dense = [[rows(3)], [rows(0)]]
    roi = [rows(3, seed=1), rows(0)]
    for content in ((dense, roi), [dense, roi]):
        found = load_results(write(tmp_path / 'r.pkl', content)).align('ab')
        assert found.branches == {
            'dense': ('dense',),
            'roi': ('roi',),
            'concat': ('dense', 'roi'),
        }
        np.testing.assert_array_equal(
            found.detections.embeddings['roi'], roi[0][:, 5:]
        )


def test_two_images_of_one_branch_are_not_two_branches(tmp_path):
    content = [[rows(3)], [rows(2)]]
    found = load_results(write(tmp_path / 'r.pkl', content)).align('ab')
    assert list(found.branches) == ['default']
    assert found.detections.num_images == 2


def test_the_dump_comes_back(tmp_path):
    record = dict(
        img_path='data/PRW/frames/a.jpg',
        bboxes=rows(2)[:, :4],
        scores=rows(2)[:, 4],
        embeddings=rows(2)[:, 5:],
        dense_embeddings=rows(2)[:, 5:7],
        roi_embeddings=rows(2)[:, 7:],
        gt_bboxes=rows(1)[:, :4],
        gt_person_ids=np.array([4]),
        gt_embeddings=rows(1)[:, 5:],
    )
    path = tmp_path / 'dump.pkl'
    save_results(path, [record], dict(dataset='prw'))
    assert [p.name for p in tmp_path.iterdir()] == ['dump.pkl']
    stored = load_results(path)
    assert stored.header['dataset'] == 'prw' and not stored.legacy
    found = stored.align(['frames/a.jpg'])
    assert list(found.branches) == ['dense', 'roi', 'concat']
    # The joint embedding of given boxes is split like the detections'.
    np.testing.assert_array_equal(
        found.given.embeddings['roi'], record['gt_embeddings'][:, 2:]
    )


def test_images_are_found_by_the_end_of_their_path():
    records = [dict(img_path=f'/x/{name}') for name in ('v/b/1', 'v/a/1')]
    found = align_records(records, ['a/1', 'b/1'])
    assert [r['img_path'] for r in found] == ['/x/v/a/1', '/x/v/b/1']
    with pytest.raises(ValueError, match='nothing for image c/1'):
        align_records(records, ['a/1', 'b/1', 'c/1'])
    with pytest.raises(ValueError, match="'/x/v/b/1' is not in"):
        align_records(records, ['a/1'])


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'not a pickle of detections'),
        (b'\x80\x04garbage', 'not a pickle of detections'),
        (pickle.dumps([]), 'neither a dump'),
        (pickle.dumps('text'), 'neither a dump'),
        (pickle.dumps({'images': []}), 'without the header'),
        (pickle.dumps([[rows(2)[:, :5]]]), r'image 0 is an array .*\(2, 5\)'),
        (pickle.dumps([[rows(2)], [3]]), 'image 1 is int'),
        (
            pickle.dumps(([[rows(2)]], [rows(3)])),
            'image 0 has 2 detections in the first branch, 3',
        ),
        (pickle.dumps(([[rows(2)]], [rows(2)] * 2)), '1 images in the first'),
        (pickle.dumps([[rows(2)], [rows(2, dims=3)]]),
         r'image 1: embeddings has the shape \(2, 3\), not \(n, 4\)'),
        (pickle.dumps([[rows(2)], [rows(2) * np.nan]]),
         'image 1: bboxes holds numbers that are not finite'),
        (pickle.dumps([[rows(2).astype('U9')]]), 'holds no numbers'),
    ],
)  # fmt: skip
def test_other_files_are_named_with_a_reason(tmp_path, content, message):
    path = tmp_path / 'r.pkl'
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_results(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such file'):
        load_results(tmp_path / 'none.pkl')


def test_legacy_results_must_cover_the_test_set(tmp_path):
    stored = load_results(write(tmp_path / 'r.pkl', [[rows(2)]]))
    with pytest.raises(ValueError, match='1 images, but the test set has 2'):
        stored.align(['a', 'b'])


def test_no_detection_at_all_is_not_an_error():
    record = dict(
        bboxes=np.zeros((0, 4)), scores=np.zeros(0),
        embeddings=np.zeros((0, 8)),
    )  # fmt: skip
    found = to_results([record, record])
    assert len(found.detections) == 0 and found.detections.num_images == 2


def record(number=0, **changes):
    """An image of our form with two detections and one annotated box."""
    whole = dict(
        img_id=number,
        img_path=f'data/X/{number}.jpg',
        bboxes=rows(2)[:, :4] * [1, 1, 99, 99],
        scores=rows(2)[:, 4],
        embeddings=rows(2)[:, 5:],
        gt_bboxes=rows(1)[:, :4] * [1, 1, 99, 99],
        gt_person_ids=np.array([4]),
        gt_embeddings=rows(1)[:, 5:],
    )
    return {k: v for k, v in {**whole, **changes}.items() if v is not None}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(bboxes=None), 'bboxes is there and not in the first'),
        (dict(gt_bboxes=None), 'gt_bboxes is there and not in the first'),
        (dict(dense_embeddings=rows(2)), 'dense_embeddings is there'),
        (dict(bboxes=rows(3)[:, :4]), 'scores has the shape .*3 boxes'),
        (dict(bboxes=rows(2)), r'bboxes has the shape \(2, 9\), not \(n, 4'),
        (dict(scores=rows(2)), r'scores has the shape .* not \(n,\)'),
        (dict(embeddings=rows(2)), r'\(2, 9\), not \(n, 4\)'),
        (dict(gt_embeddings=rows(2)[:, :4]), 'gt_embeddings.*1 boxes'),
        (dict(embeddings=np.zeros(2)), r'the shape \(2,\), not \(n, D\)'),
        (dict(scores=['high', 'low']), 'scores holds no numbers'),
        (dict(bboxes=[[1, 2, 3, 4], [5]]), 'bboxes is no array'),
        (dict(bboxes=3), 'bboxes'),
        (dict(scores=np.array([0.5, np.inf])), 'not finite'),
        (dict(gt_person_ids=np.array([0.5])), 'no whole numbers'),
        (dict(img_path=['a']), 'img_path is a list'),
    ],
)
def test_a_record_is_checked_when_it_is_read(tmp_path, changes, message):
    path = tmp_path / 'dump.pkl'
    save_results(path, [record(), record(1, **changes)], {})
    with pytest.raises(UserError, match=f'image 1.*{message}'):
        load_results(path)


@pytest.mark.parametrize(
    ('header', 'message'),
    [
        (dict(dataset=3), 'dataset of its header is a int'),
        (dict(preset='mine'), "its header: no preset 'mine'"),
        (dict(settings=['score_thr']), 'settings of its header is a list'),
        (dict(settings={3: 4}), 'have no names'),
        (dict(settings=dict(thr=0.2)), "no setting 'thr'"),
        (dict(settings=dict(score_thr=[0.2])), 'score_thr=.* not a number'),
        (dict(settings=dict(cbgm=rows(2))), 'cbgm=.* whole numbers'),
    ],
)
def test_a_header_is_checked_when_it_is_read(tmp_path, header, message):
    path = tmp_path / 'dump.pkl'
    save_results(path, [record()], header)
    with pytest.raises(UserError, match=message) as caught:
        load_results(path)
    assert str(path) in str(caught.value)


def test_lists_may_stand_for_arrays(tmp_path):
    path = tmp_path / 'dump.pkl'
    plain = {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in record().items()
    }
    save_results(path, [plain], dict(dataset='prw', settings=None))
    found = load_results(path).align(['0.jpg'])
    assert found.given.person_ids.tolist() == [4]
    assert found.detections.embeddings['default'].shape == (2, 4)


def test_images_without_detections_need_no_size(tmp_path):
    content = [[np.zeros((0, 5))], [rows(2)], [np.zeros((0, 0))]]
    path = write(tmp_path / 'r.pkl', content)
    found = load_results(path).align('abc').detections
    assert found.offsets.tolist() == [0, 0, 2, 2]
    assert found.embeddings['default'].shape == (2, 4)


def test_embeddings_of_two_sizes_cannot_be_compared():
    other = record(gt_embeddings=rows(1)[:, :3])
    with pytest.raises(UserError, match="{'default': 4}.*{'default': 3}"):
        to_results([other])
