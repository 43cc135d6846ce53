"""PoseTrack21: JSON of three files, regions, bare frames, shared ids."""

import json

import pytest


@pytest.fixture(scope='module')
def files(tiny_world):
    folder = tiny_world / 'PoseTrack21/posetrack_person_search'
    return {
        path.stem: json.loads(path.read_text()) for path in folder.iterdir()
    }


def person_ids(content: dict) -> set[int]:
    return {row['person_id'] for row in content['annotations']}


def test_three_files_of_one_structure(files, tiny_world):
    assert set(files) == {'train', 'val', 'query'}
    for content in files.values():
        assert set(content) == {'images', 'annotations', 'categories'}
        images = {image['id']: image for image in content['images']}
        assert len(images) == len(content['images'])
        for image in images.values():
            assert (tiny_world / 'PoseTrack21' / image['file_name']).exists()
        for row in content['annotations']:
            assert row['image_id'] in images and row['bbox'][2] > 0


def test_one_identity_is_shared_by_train_and_val(files):
    assert person_ids(files['train']) & person_ids(files['val']) == {11}
    assert person_ids(files['query']) <= person_ids(files['val'])


def test_queries_repeat_persons_and_gallery_frames(files):
    rows = files['query']['annotations']
    assert len(rows) > len(person_ids(files['query'])) >= 2
    assert all(row in files['val']['annotations'] for row in rows)


def test_regions_are_flat_or_nested(files):
    kinds = {
        type(image['ignore_regions_x'][0])
        for image in files['val']['images']
        if image['ignore_regions_x']
    }
    assert kinds == {float, list}
    for image in files['val']['images']:
        x, y = image['ignore_regions_x'], image['ignore_regions_y']
        if x and isinstance(x[0], list):
            x, y = x[0], y[0]
        assert len(x) == len(y)


def test_some_frames_and_keypoints_are_missing(files):
    train = files['train']
    annotated = {row['image_id'] for row in train['annotations']}
    bare = [im for im in train['images'] if im['id'] not in annotated]
    assert bare and not any(image['has_labeled_person'] for image in bare)
    rows = train['annotations'] + files['val']['annotations']
    lengths = {len(row.get('keypoints', [])) for row in rows}
    assert lengths == {0, 51}


def test_both_sources_reuse_video_numbers(files):
    names = {im['file_name'].split('/')[2] for im in files['val']['images']}
    numbers = [name.split('_')[0] for name in names]
    assert len(set(numbers)) < len(numbers)
