"""MOTChallenge's form: every trap of it on sequences of a few frames."""

import json
import re
import shutil

import numpy as np
import pytest

from mmdet_ps.datasets import PersonSearchDataset, ReIDCropDataset
from mmdet_ps.datasets.native import NativeDataError, find_form
from mmdet_ps.datasets.native.mot_rows import read_rows
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.structures import load_protocols
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.images import read_image

from ...videos import cut_out, write_clip, write_frames
from ..more_native_trees import mot_sequence

FORM = find_form('mot')
PERSON = [10, 10, 20, 60]


def read(root, *options, out=None, **more):
    """Prepare, and (report, split name -> data list)."""
    out = out or root / 'prepared'
    report = prepare(FORM, root, out, options=FORM.choose(options), **more)
    splits = {}
    for name in ('train', 'test', 'crops'):
        document = json.loads((out / f'{name}.json').read_text())
        splits[name] = document.get('data_list', document)
    return report, splits


def boxes_of(info, ignored=0):
    return [
        i['bbox'] for i in info['instances'] if i['ignore_flag'] == ignored
    ]


def ids_of(infos):
    return [
        [i['instance_id'] for i in info['instances'] if not i['ignore_flag']]
        for info in infos
    ]


def notes_of(report):
    return {note.what: note.where for note in report.notes}


def walk(frames, track=1, box=PERSON, flag=1):
    """Seven columns: one person standing still."""
    return [[frame, track, *box, flag] for frame in frames]


@pytest.mark.parametrize(
    ('columns', 'visible'),
    [('1', 1), ('1,1,0.25', 0.25), ('1,-1,-1', 1), ('1,-3.2,4.5,0', 1)],
    ids=['own', 'MOT16', 'no class', 'MOT15'],
)
def test_columns_of_every_year_are_told_apart(tmp_path, columns, visible):
    path = tmp_path / 'gt.txt'
    path.write_bytes(f'\ufeff1,4,10,20,30,40.5,{columns}\r\n'.encode())
    rows = read_rows(path)
    assert rows.boxes.tolist() == [[10, 20, 40, 60.5]]
    assert (rows.frames[0], rows.tracks[0]) == (1, 4)
    assert rows.counted(('pedestrian',)).tolist() == [True]
    assert rows.visibility[0] == visible


def test_flag_0_and_other_classes_are_regions_to_ignore(tmp_path):
    rows = [
        [1, 1, 10, 10, 20, 60, 1, 1, 1],
        [1, 2, 40, 10, 20, 60, 0, 1, 1],
        *[[1, 10 + c, 70, 10, 20, 60, 0, c, 1] for c in range(2, 13)],
    ]
    mot_sequence(tmp_path / 'a', rows, [1])
    report, splits = read(tmp_path, 'train_share=1')
    (info,) = splits['train']
    assert boxes_of(info) == [[10, 10, 30, 70]]
    assert len(boxes_of(info, ignored=1)) == 12
    assert report.found['rows'] == 13
    assert report.found['rows not counted'] == 12
    assert report.found['rows of class static-person'] == 1
    assert notes_of(report)['rows of flag 0'] == 'a: 1'


def test_static_persons_and_riders_are_persons_on_demand(tmp_path):
    rows = [
        [1, 1, 10, 10, 20, 60, 1, 1, 1],
        [1, 2, 40, 10, 20, 60, 0, 2, 1],
        [1, 7, 70, 10, 20, 60, 0, 7, 1],
        [1, 8, 70, 10, 20, 60, 0, 1, 1],
    ]
    mot_sequence(tmp_path / 'a', rows, [1])
    persons = 'persons=pedestrian,Static person,person on vehicle'
    _, splits = read(tmp_path, 'train_share=1', persons)
    assert len(boxes_of(splits['train'][0])) == 3


def test_hardly_visible_persons_are_ignored_on_demand(tmp_path):
    rows = [[1, k, 10, 10, 20, 60, 1, 1, k / 10] for k in range(1, 5)]
    mot_sequence(tmp_path / 'a', rows, [1])
    for least, kept in ((0, 4), (0.3, 2)):
        _, splits = read(tmp_path, 'train_share=1', f'visibility={least}')
        assert len(boxes_of(splits['train'][0])) == kept
        assert len(splits['train'][0]['instances']) == 4


def test_boxes_are_cut_at_the_border_and_those_outside_dropped(tmp_path):
    boxes = [[-20, -5, 50, 60], [180, 50, 60, 90], [210, 10, 20, 20]]
    rows = [[1, k, *box, 1] for k, box in enumerate(boxes)]
    mot_sequence(tmp_path / 'a', rows, [1], size=(200, 100))
    report, splits = read(tmp_path, 'train_share=1')
    assert boxes_of(splits['train'][0]) == [
        [0, 0, 30, 55],
        [180, 50, 200, 100],
    ]
    assert 'box outside the image' in notes_of(report)


def test_frames_without_rows_are_not_empty_images(tmp_path):
    mot_sequence(tmp_path / 'a', walk([1, 6, 11]), range(1, 13))
    report, splits = read(tmp_path, 'split=time', 'train_share=0.6')
    assert [i['frame'] for i in splits['train']] == [1, 6]
    assert [i['frame'] for i in splits['test']] == [11]
    assert splits['test'][0]['seconds'] == 5.0
    assert notes_of(report)['frames without rows'] == 'a: 9 of 12'


@pytest.mark.parametrize('labelled', [(1, 4), (13, 16), (31, 34)], ids=str)
def test_labels_of_any_part_of_a_video_are_split(tmp_path, labelled):
    first, last = labelled
    frames = list(range(first, last + 1))
    mot_sequence(tmp_path / 'a', walk(frames), range(1, 35))
    _, splits = read(tmp_path, 'split=time', 'train_share=0.5')
    assert [i['frame'] for i in splits['train']] == frames[:2]
    assert [i['frame'] for i in splits['test']] == frames[2:]


def test_fewer_pictures_than_the_labels_and_seqlength_say(tmp_path):
    info = dict(seqLength=600)
    mot_sequence(tmp_path / 'a', walk(range(1, 601)), [1, 2, 3, 4], info)
    report, splits = read(tmp_path, 'train_share=0.5')
    # The share is of the pictures that are there.
    assert [i['frame'] for i in splits['train']] == [1, 2]
    assert [i['frame'] for i in splits['test']] == [3, 4]
    notes = notes_of(report)
    assert notes['labelled frames without picture'] == 'a: 596'
    assert notes['another number of pictures than seqLength'].endswith(
        '4, not 600'
    )


def test_persons_of_two_sequences_are_two_persons(tmp_path):
    for name in 'ab':
        rows = walk(range(1, 5)) + walk([4], track=9)
        mot_sequence(tmp_path / name, rows, range(1, 5))
    _, splits = read(tmp_path, 'train_share=0.5')
    assert ids_of(splits['train']) == [[0], [0], [1], [1]]
    # Persons of both sets keep their number, others come behind.
    assert ids_of(splits['test']) == [[0], [0, 2], [1], [1, 3]]


def test_detector_copies_of_mot17_are_read_once(tmp_path):
    for copy in ('DPM', 'FRCNN', 'SDP'):
        mot_sequence(tmp_path / f'train/MOT17-02-{copy}', walk([1, 2]), [1, 2])
    report, splits = read(tmp_path, 'train_share=1')
    assert report.found['sequences'] == 1
    assert ids_of(splits['train']) == [[0], [0]]
    assert splits['train'][0]['video'] == 'MOT17-02'
    assert splits['train'][0]['img_path'] == (
        'train/MOT17-02-DPM/img1/000001.jpg'
    )
    what = 'sequence again, for another detector'
    assert sum(note.what == what for note in report.notes) == 2


def test_splits_by_folder_and_by_sequence(tmp_path):
    for name in ('train/a', 'train/b', 'test/c'):
        mot_sequence(tmp_path / name, walk([1]), [1])
    (tmp_path / 'test/d').mkdir()
    (tmp_path / 'test/d/seqinfo.ini').write_text('[Sequence]\n')

    def videos(*options):
        report, splits = read(tmp_path, *options)
        assert notes_of(report)['sequence without gt/gt.txt'] == 'test/d'
        return [
            [info['video'] for info in splits[name]]
            for name in ('train', 'test')
        ]

    assert videos() == [['a', 'b'], ['c']]
    assert videos('split=sequence', 'test_sequences=a,c') == [
        ['b'],
        ['a', 'c'],
    ]
    assert videos('split=sequence', 'train_share=0.1') == [['a'], ['b', 'c']]
    wanted = f'{tmp_path}: no sequence is called x'
    with pytest.raises(NativeDataError, match=re.escape(wanted)):
        read(tmp_path, 'split=sequence', 'test_sequences=x')


def test_a_labelling_tools_export_with_its_own_classes(tmp_path):
    rows = [
        [1, 1, 10, 10, 20, 60, 1, 2, 1],
        [1, 2, 40, 10, 20, 60, 1, 1, 1],
        [1, 3, 70, 10, 20, 60, 0, 2, 1],
    ]
    mot_sequence(tmp_path, rows, [1])  # the root is the sequence
    (tmp_path / 'seqinfo.ini').unlink()
    (tmp_path / 'gt/labels.txt').write_text('dog\nWorker\n')
    with pytest.raises(NativeDataError, match='persons=CLASS'):
        read(tmp_path)
    report, splits = read(tmp_path, 'persons=worker', 'train_share=1')
    assert boxes_of(splits['train'][0]) == [[10, 10, 30, 70]]
    assert len(boxes_of(splits['train'][0], ignored=1)) == 2
    assert 'no frameRate in seqinfo.ini' in notes_of(report)


def test_pictures_named_otherwise_count_in_the_order_of_their_names(tmp_path):
    folder = mot_sequence(tmp_path / 'a', walk([1, 3]), [1, 2, 3])
    for k, name in enumerate(['frame_2', 'frame_9', 'frame_10'], 1):
        (folder / f'img1/{k:06d}.jpg').rename(folder / f'img1/{name}.jpg')
    _, splits = read(tmp_path, 'train_share=1')
    assert [i['img_path'] for i in splits['train']] == [
        'a/img1/frame_2.jpg',
        'a/img1/frame_10.jpg',
    ]


@pytest.fixture
def filmed(tmp_path):
    """A video of 12 frames, frame k of brightness 20 (k - 1); 4 labelled."""
    root = tmp_path / 'root'
    mot_sequence(root / 'film', walk([1, 6, 11, 12]), info=dict(frameRate=4))
    write_clip(root / 'film/a.avi', range(0, 240, 20), rate=4)
    return root


def test_labelled_frames_of_a_video_become_pictures(filmed):
    _, splits = read(filmed, 'train_share=0.6')
    assert [i['img_path'] for i in splits['train'] + splits['test']] == [
        f'prepared/frames/film/{frame:06d}.jpg' for frame in (1, 6, 11, 12)
    ]
    for info in splits['train'] + splits['test']:
        # Frame 1 of the labels is the first of the video.
        image = read_image(filmed / info['img_path'])
        assert image.mean() == pytest.approx(20 * (info['frame'] - 1), abs=3)
        assert (info['width'], info['height']) == (64, 48)


def test_frames_written_elsewhere_are_named_in_full(filmed, tmp_path):
    _, splits = read(filmed, out=tmp_path / 'out')
    (first,) = splits['train'][:1]
    assert first['img_path'] == str(tmp_path / 'out/frames/film/000001.jpg')
    assert not (filmed / 'prepared').exists()


def test_a_second_run_decodes_only_what_is_missing(filmed):
    read(filmed)
    frame = filmed / 'prepared/frames/film/000006.jpg'
    other = filmed / 'prepared/frames/film/000011.jpg'
    written = other.stat().st_mtime_ns
    frame.unlink()
    assert read(filmed, 'apart=1')[0].reused is False
    assert frame.is_file() and other.stat().st_mtime_ns == written
    write_clip(filmed / 'film/a.avi', [200] * 12, rate=4)
    read(filmed)
    assert read_image(other).mean() == pytest.approx(200, abs=3)
    assert read(filmed)[0].reused is True


def test_labelled_frames_that_cannot_be_decoded_are_left_out(filmed):
    cut_out(filmed / 'film/a.avi', 5)
    with open(filmed / 'film/gt/gt.txt', 'a') as file:
        file.write('40,1,10,10,20,30,1\n')
    report, splits = read(filmed, 'train_share=0.4')
    assert [i['frame'] for i in splits['train']] == [1]
    assert [i['frame'] for i in splits['test']] == [11, 12]
    lost = [n.where for n in report.notes if 'cannot be decoded' in n.what]
    assert lost == ['film/a.avi frame 6', 'film/a.avi frame 40']
    assert report.found['train images'] == 1


def test_looking_only_writes_nothing(filmed):
    for how in ('dry_run', 'verify_only'):
        report = prepare(FORM, filmed, **{how: True})
        assert report.found['rows'] == 4
        assert not (filmed / 'prepared').exists()


def test_crops_follow_every_track_some_time_apart(tmp_path):
    rows = walk(range(1, 9), 1) + walk([2, 3, 8], 2, [100, 20, 30, 50])
    rows += walk([1], 3, [100, 20, 10, 20])  # too small for a crop
    mot_sequence(tmp_path / 'a', rows, range(1, 9))  # 2 frames a second
    options = ('train_share=1', 'crop_every=1.5', 'crop_height=40')
    report, splits = read(tmp_path, *options)
    crops = [
        (i['instances'][0]['instance_id'], i['frame'], i['width'], i['height'])
        for i in splits['crops']
    ]
    assert sorted(crops) == [
        (0, 1, 20, 60), (0, 4, 20, 60), (0, 7, 20, 60),
        (1, 2, 30, 50), (1, 8, 30, 50),
    ]  # fmt: skip
    assert (report.found['crops'], report.found['crop ids']) == (5, 2)
    dataset = ReIDCropDataset(
        data_root=str(tmp_path), ann_file='prepared/crops.json'
    )
    assert dataset.metainfo['num_identities'] == 2
    assert sorted(dataset.get_person_ids()) == [0, 0, 0, 1, 1]


def test_queries_and_galleries_are_apart(tmp_path):
    # One frame in a second; person 1 always, person 2 in two frames.
    rows = walk(range(1, 9), 1) + walk([2, 3], 2, [100, 20, 30, 50])
    info = dict(frameRate=1)
    mot_sequence(tmp_path / 'a', rows, range(1, 9), info)
    mot_sequence(tmp_path / 'b', walk([1], 1), [1], info)
    report, _ = read(tmp_path, 'train_share=0', 'apart=3')
    (protocol,) = load_protocols(tmp_path / 'prepared/protocol.npz')
    assert protocol.name == 'apart-3s' and protocol.dataset == 'mot'
    # Person 1 at 0, 3 and 6 s; person 2 and the one of b are seen once only.
    assert protocol.query_images.tolist() == [0, 3, 6]
    for query, image in enumerate(protocol.query_images):
        gallery = set(protocol.listed(query).tolist())
        far = {k for k in range(8) if abs(k - image) >= 3}
        assert gallery == far | {8}, 'another sequence is always apart'
        right = protocol.relevant_images[protocol.relevant(query)]
        assert set(right.tolist()) == far
    assert protocol.query_bboxes[0].tolist() == [10, 10, 30, 70]
    what = 'person not seen 3 s away from the query'
    assert notes_of(report)[what] == '2 of 5 queries'
    report, _ = read(tmp_path, 'train_share=0', 'apart=9')
    assert report.found['queries'] == 0
    assert not (tmp_path / 'prepared/protocol.npz').exists()


def test_the_set_trains_and_tests_like_any_other(tmp_path):
    mot_sequence(tmp_path / 'a', walk(range(1, 9)), range(1, 9))
    read(tmp_path)
    train = PersonSearchDataset(
        data_root=str(tmp_path),
        ann_file='prepared/train.json',
        num_identities=1,
    )
    assert len(train) == 5 and train.metainfo['source'] == 'mot'


@pytest.mark.parametrize(
    ('pair', 'message'),
    [
        ('colour=red', 'mot has no option colour; it has split, train_share'),
        ('apart=far', 'write apart=float'),
        ('apart=-1', 'apart=-1.0: write a number from 0'),
        ('split=half', 'write one of auto, folder, time, sequence'),
    ],
)
def test_wrong_options_are_named(pair, message):
    with pytest.raises(UserError, match=message):
        FORM.choose([pair])
    with pytest.raises(UserError, match='prw has no option'):
        find_form('prw').choose([pair])


def test_a_sequence_without_one_video_is_named(tmp_path):
    mot_sequence(tmp_path / 'a', walk([1]))
    with pytest.raises(NativeDataError, match='not one video but none'):
        prepare(FORM, tmp_path)
    for name in 'xy':
        write_frames(
            tmp_path / f'a/{name}.avi', [np.zeros((8, 8, 3), np.uint8)]
        )
    with pytest.raises(NativeDataError, match='but x.avi, y.avi'):
        prepare(FORM, tmp_path)
    shutil.rmtree(tmp_path / 'a')
    with pytest.raises(NativeDataError, match='gt/gt.txt: file missing'):
        prepare(FORM, tmp_path)
