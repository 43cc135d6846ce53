"""Generator -> native files -> prepared files gives the generator's truth."""

import numpy as np
import pytest

from mmdet_ps.datasets.annotation_file import load_crops
from mmdet_ps.datasets.native.registry import FORMS
from mmdet_ps.structures import load_protocols

# What is reported of a trap. None: it must not be an error of the data, the
# round trip below shows that it was read rightly.
TREATMENTS = {
    'box of width 0': 'box without area',
    'training identity twice in one image': 'identity twice in an image',
    'train identity twice in one frame': 'identity twice in an image',
    'test identity twice in one frame': 'identity twice in an image',
    'duplicate entry, same box': 'gallery image listed twice, the same box',
    'duplicate entry, different boxes':
        'gallery image listed twice, different boxes',
    'query image in its gallery, different box':
        'query image in its own gallery, with another box',
    'query image in its gallery, query box':
        'query image in its own gallery, with the query box',
    'person_id in train and val': 'identity in train.json and val.json',
    'junk crops (-1)': 'junk crop (identity -1)',
    'identities restart at 0 in the test folder':
        'identities start at 0 in train and in test',
    'box ends at the image width': None,
    'box starts at x = 1': None,
    'training image without labelled box': None,
    'labelled box of 12 x 34': None,
    'unlabelled person (-2)': None,
    'box beyond the border': None,
    'negative x (train)': None,
    'negative x (test)': None,
    'query with negative x': None,
    'query text rounds what the mat does not': None,
    'frame with unlabelled persons only': None,
    'nested ignore region': None,
    'flat ignore region': None,
    'annotation without keypoints': None,
    'several query rows for one id': None,
    'frame without annotation': None,
    'extra without box_id': None,
    'mask with empty head_attr': None,
    'person to be ignored': None,
    'negative full box': None,
    'comma in the image ID': None,
    'distractor crops (0000)': None,
    'file that is no image': 'file of another kind',
    'crops of list_val.txt lie in the train folder': None,
    'identities restart at 0 in test': None,
    'validation crops lie in the train folder': None,
    'image with an empty matrix': None,
    'uint8 matrix': None,
    'vehicle nested in a rider': None,
    'group to be ignored': None,
    'corner boxes': None,
    'region to be ignored (class 4)': None,
    'crowd (class 5)': None,
    'box narrower than a pixel': 'box below one pixel',
    'annotation of another category': None,
    'crowd as run lengths': None,
    'image without annotation': None,
}  # fmt: skip
SEARCH = ('CUHK-SYSU', 'PRW', 'PoseTrack21')
DETECTION = ('CrowdHuman', 'CrowdHuman-2', 'CityPersons', 'ECP',
             'WiderPerson', 'coco')  # fmt: skip
REID = ('Market-1501-v15.09.15', 'MSMT17_V1', 'MSMT17_V2', 'MSMT17_market',
        'DukeMTMC-reID')  # fmt: skip
# split of the generator -> split prepared
SPLITS = {'val': 'test', 'query': 'test', 'gallery': 'test'}


def label(name, person_id, split, facts):
    """The identity that must be in the annotation file."""
    if split == 'train':
        order = facts['train_ids']
        if name != 'CUHK-SYSU':
            order = sorted(order)
        return order.index(person_id) if person_id in order else -1
    if name == 'CUHK-SYSU':
        order = facts['test_ids']
        return order.index(person_id) if person_id in order else -1
    return max(person_id, -1)


@pytest.mark.parametrize('name', SEARCH)
@pytest.mark.parametrize('split', ['train', 'test'])
def test_search_sets(synthetic, name, split):
    made = synthetic[name]
    truth = {
        image['file']: image
        for image in made.truth['images']
        if SPLITS.get(image['split'], image['split']) == split
    }
    document = made.split(split)
    if split == 'train':
        count = made.truth['facts']['num_train_identities']
        assert document['metainfo']['num_identities'] == count
    entries = {e['img_path']: e for e in document['data_list']}
    assert set(entries) == set(truth)
    for path, image in truth.items():
        entry = entries[path]
        assert [entry['width'], entry['height']] == image['size']
        persons = [i for i in entry['instances'] if not i['ignore_flag']]
        boxes = np.array([i['bbox'] for i in persons]).reshape(-1, 4)
        want = np.array([p['box'] for p in image['persons']]).reshape(-1, 4)
        want[:, 2:] += want[:, :2]
        assert boxes == pytest.approx(want, abs=2e-4)
        assert [i['instance_id'] for i in persons] == [
            label(name, p['id'], split, made.truth['facts'])
            for p in image['persons']
        ]


def is_wanted(name, person):
    """Beyond the marks: whether boxes are learnt from this person."""
    if name == 'CityPersons':
        return person['class'] == 1 and person['box'][3] >= 50
    return person.get('class') != 'rider'


@pytest.mark.parametrize('name', DETECTION)
def test_detection_sets(synthetic, name):
    made = synthetic[name]
    entries = {e['img_path']: e for split in ('train', 'test')
               for e in made.split(split)['data_list']}  # fmt: skip
    for image in made.truth['images']:
        # Boxes below a pixel are an error of COCO that is dropped.
        persons = [p for p in image['persons'] if min(p['box'][2:]) >= 1]
        if name == 'coco' and all(p['ignore'] for p in persons):
            assert image['file'] not in entries
            continue
        entry = entries.pop(image['file'])
        want = np.array([p['box'] for p in persons], float).reshape(-1, 4)
        want[:, 2:] += want[:, :2]
        want = np.clip(want, 0, image['size'] * 2)
        boxes = np.array([i['bbox'] for i in entry['instances']])
        assert boxes.reshape(-1, 4) == pytest.approx(want, abs=1e-3)
        assert [bool(i['ignore_flag']) for i in entry['instances']] == [
            p['ignore'] or not is_wanted(name, p) for p in persons
        ]
        assert all(i['instance_id'] == -1 for i in entry['instances'])
    assert not entries


def test_a_second_folder_of_a_form_is_another_source(synthetic):
    for name in DETECTION[:2]:
        metainfo = synthetic[name].split('train')['metainfo']
        assert metainfo['source'] == name.lower()
        assert metainfo['dataset'] == 'crowdhuman'


@pytest.mark.parametrize('name', REID)
def test_reid_sets(synthetic, name):
    made = synthetic[name]
    raw = {i['persons'][0]['id'] for i in made.truth['images']
           if i['split'] in ('train', 'val')}  # fmt: skip
    order = sorted(raw)
    assert len(order) == made.truth['facts']['num_train_identities']
    entries = {e['img_path']: e for split in ('train', 'test')
               for e in made.split(split)['data_list']}  # fmt: skip
    for image in made.truth['images']:
        person_id = image['persons'][0]['id']
        if person_id == -1:
            assert image['file'] not in entries
            continue
        entry = entries.pop(image['file'])
        (instance,) = entry['instances']
        trained = image['split'] in ('train', 'val')
        want = order.index(person_id) if trained else person_id
        if name.startswith('Market') and person_id == 0:
            want = -1  # a distractor, nobody's companion
        assert instance['instance_id'] == want
        assert instance['bbox'] == [0, 0, entry['width'], entry['height']]
        assert entry['camera'] == image['camera']
        assert entry['role'] == ('train' if trained else image['split'])
    assert not entries


@pytest.mark.parametrize('name', SEARCH + DETECTION + REID)
def test_every_trap_is_treated(synthetic, name):
    made = synthetic[name]
    met = ' | '.join(note.what for note in made.report.notes)
    for trap in {trap['trap'] for trap in made.truth['traps']}:
        treatment = TREATMENTS[trap]
        assert treatment is None or treatment in met
    # Nothing is called an error that the generator did not mean to be one.
    meant = ' | '.join(filter(None, TREATMENTS.values()))
    for note in made.report.notes:
        assert note.what in meant or (
            note.what.startswith('identity in train.json')
        )


@pytest.mark.parametrize('name', SEARCH)
def test_every_query_is_a_ground_truth(synthetic, name):
    made = synthetic[name]
    protocol = load_protocols(made.root / 'prepared/protocol.npz')[0]
    data_list = made.split('test')['data_list']
    assert protocol.images == [e['img_path'] for e in data_list]
    assert protocol.num_queries > 2
    for image, person_id, box in zip(
        protocol.query_images, protocol.query_ids, protocol.query_bboxes
    ):
        boxes = [i['bbox'] for i in data_list[image]['instances']
                 if i['instance_id'] == person_id]  # fmt: skip
        assert np.abs(np.array(boxes) - box).max(axis=1).min() < 0.01


def test_labelled_video(synthetic):
    made = synthetic['MOT17']
    entries = {e['img_path']: e for split in ('train', 'test')
               for e in made.split(split)['data_list']}  # fmt: skip
    numbers = {}
    for image in made.truth['images']:
        entry = entries.pop(image['file'])
        assert [entry['width'], entry['height']] == image['size']
        want = np.array([p['box'] for p in image['persons']], float)
        want[:, 2:] += want[:, :2]
        want = np.clip(want, 0, image['size'] * 2)
        boxes = np.array([i['bbox'] for i in entry['instances']])
        assert boxes == pytest.approx(want, abs=1e-3)
        for person, instance in zip(image['persons'], entry['instances']):
            assert instance['ignore_flag'] == person['ignore']
            if not person['ignore']:
                key = image['split'], entry['video'], person['id']
                numbers.setdefault(key, set()).add(instance['instance_id'])
    assert not entries
    assert all(len(found) == 1 for found in numbers.values())
    train = [found for key, found in numbers.items() if key[0] == 'train']
    count = made.truth['facts']['num_train_identities']
    assert sorted(set.union(*train)) == list(range(count))
    met = ' | '.join(note.what for note in made.report.notes)
    for treatment in ('rows of flag 0', 'frames without rows', 'seqLength',
                      'sequence again'):  # fmt: skip
        assert treatment in met


def test_a_synthetic_set_is_told_from_the_release(synthetic):
    for made in synthetic.values():
        expected = FORMS[made.report.dataset].expected
        assert len(made.report.differing) >= len(expected) / 2


@pytest.mark.parametrize('kind', ['labeled', 'detected'])
def test_cuhk03(synthetic, kind):
    pytest.importorskip('h5py')
    made = synthetic['cuhk03_release']
    ending = '' if kind == 'labeled' else '_detected'
    train, test = (
        made.split(f'{split}{ending}') for split in ('train', 'test')
    )
    entries = {e['img_path']: e
               for e in train['data_list'] + test['data_list']}  # fmt: skip
    truth = [i for i in made.truth['images'] if i['file'].startswith(kind)]
    trained = sorted({i['persons'][0]['id'] for i in truth
                      if i['split'] == 'train'})  # fmt: skip
    assert train['metainfo']['num_identities'] == len(trained)
    for image in truth:
        person_id = image['persons'][0]['id']
        entry = entries.pop(f'images_{image["file"]}')
        (instance,) = entry['instances']
        if image['split'] == 'train':
            person_id = trained.index(person_id)
        assert instance['instance_id'] == person_id
        assert (entry['role'], entry['camera']) == (
            image['split'],
            image['camera'],
        )
        assert (made.root / entry['img_path']).is_file()
    assert not entries


def test_luperson(synthetic):
    made = synthetic['LUPerson']
    _, crops = load_crops(str(made.root / 'prepared/train.json'))
    field = 'key' if made.truth['facts']['lmdb'] else 'file'
    names = {crops.name(k) for k in range(len(crops))}
    assert names == {image[field] for image in made.truth['images']}
    assert len(crops) == len(names) == made.report.found['train images']
