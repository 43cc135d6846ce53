"""Every kind of damage is one clear error, or a repair that is reported.

An error is a ``NativeDataError``: one line that names the file, says what is
wrong with which entry, and what helps. Nothing of a library shows through.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from mmdet_ps.datasets.native import NativeDataError, Note, find_form
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.utils.errors import UserError

from .. import more_native_trees as more
from .. import native_trees as trees

TREES = {
    'cuhk-sysu': trees.cuhk_sysu,
    'prw': trees.prw,
    'posetrack21': trees.posetrack21,
    'crowdhuman': trees.crowdhuman,
    'market1501': trees.market1501,
    'msmt17': trees.msmt17,
    'coco-person': more.coco,
    'citypersons': more.citypersons,
    'eurocity': more.eurocity,
    'widerperson': more.widerperson,
    'cuhk03': more.cuhk03,
    'luperson': more.luperson_files,
    'mot': more.mot,
}


@pytest.fixture(scope='module')
def pristine(tmp_path_factory):
    """Intact trees, built once and copied for every kind of damage."""
    built = {}

    def copy(name: str, target: Path) -> Path:
        if name not in built:
            root = tmp_path_factory.mktemp(name) / 'root'
            built[name] = TREES[name](root)
        shutil.copytree(built[name], target)
        return target

    return copy


def delete(path):
    def damage(root):
        (root / path).unlink()

    return damage


def delete_folder(path):
    return lambda root: shutil.rmtree(root / path)


def truncate(path, keep=0.5):
    def damage(root):
        content = (root / path).read_bytes()
        (root / path).write_bytes(content[: int(len(content) * keep)])

    return damage


def write(path, content):
    def damage(root):
        data = content if isinstance(content, bytes) else content.encode()
        (root / path).write_bytes(data)

    return damage


def append(path, content):
    def damage(root):
        with open(root / path, 'a') as file:
            file.write(content)

    return damage


def resave(path, change):
    """Change the variables of a MATLAB file."""

    def damage(root):
        held = loadmat(root / path, appendmat=False)
        held = {k: v for k, v in held.items() if not k.startswith('__')}
        changed = change(held)
        savemat(
            root / path, held if changed is None else changed, appendmat=False
        )

    return damage


def edit(path, change):
    """Change a JSON document."""

    def damage(root):
        document = json.loads((root / path).read_text())
        change(document)
        (root / path).write_text(json.dumps(document))

    return damage


def rows(values):
    return lambda held: {'box_new': np.array(values, float)}


ODGT = 'annotation_train.odgt'
IMAGES = 'annotation/Images.mat'
TRAIN = 'annotation/test/train_test/Train.mat'
TEST = 'annotation/test/train_test/TestG50.mat'
MOT = 'MOT17-02-FRCNN'
FRAME = 'annotations/c1s1_000001.jpg.mat'
PT = 'posetrack_person_search'
PERSONS = [dict(tag='person', fbox=[1, 2, float('nan'), 4])]

# kind of damage: dataset, damage, words of the error
ERRORS = {
    'empty folder': (
        'cuhk-sysu', lambda root: (shutil.rmtree(root), root.mkdir()),
        'Images.mat: file missing; it comes from the CUHK-SYSU authors'),
    'no folder': ('prw', shutil.rmtree, 'no such folder; make it, or link it'),
    'root of another dataset': (
        'market1501',
        lambda root: (shutil.rmtree(root), trees.prw(root)),
        'bounding_box_train: folder missing'),
    'truncated mat': ('cuhk-sysu', truncate(IMAGES), 'Images.mat: not '
                      'readable as MATLAB file'),
    'empty mat': ('cuhk-sysu', write(TRAIN, b''), 'Train.mat: not readable'),
    'text instead of mat': ('prw', write('ID_train.mat', '1 2 3'),
                            'ID_train.mat: not readable'),
    'mat with another variable': (
        'prw', resave('frame_train.mat', lambda held: {'x': 1}),
        r'frame_train.mat: holds no variable img_index_train, only'),
    'mat of numbers instead of structs': (
        'cuhk-sysu', resave(IMAGES, lambda held: {'Img': np.ones(3)}),
        r'Images.mat: Img\[0\] is no struct'),
    'struct without a field': (
        'cuhk-sysu', resave(IMAGES, lambda held: {'Img': trees.struct_array(
            [dict(imname='s1.jpg')])}),
        r'Img\[0\] \(s1.jpg\) has no field box'),
    'box of three numbers': (
        'cuhk-sysu', resave(IMAGES, lambda held: {'Img': trees.struct_array(
            [dict(imname='s1.jpg', box=trees.struct_array(
                [dict(idlocate=[1, 2, 3])]))])}),
        r'Img\[0\] \(s1.jpg\).box\[0\] is no box of 4 numbers'),
    'image name that is a number': (
        'cuhk-sysu', resave('annotation/pool.mat', lambda held: {
            'pool': trees.cell_column([np.ones((2, 2))])}),
        r'pool\[0\] is no text'),
    'missing gallery files': ('cuhk-sysu', delete(TEST),
                              'TestG50.mat: file missing .or '),
    'query without box': (
        'cuhk-sysu', resave(TEST, lambda held: {
            'TestG50': trees.struct_array([dict(
                Query=trees.struct_array([trees.place('s1.jpg', None)]),
                Gallery=trees.struct_array([trees.place('s1.jpg', None)]))])
        }),
        r'TestG50\[0\].Query has no box'),
    'missing image': (
        'cuhk-sysu', delete('Image/SSM/s11.jpg'),
        '1 of 3 images of the test set missing, first Image/SSM/s11.jpg; '
        'put them in their place, or leave'),
    'text named like an image': (
        'prw', write('frames/c1s1_000101.jpg', 'hello'),
        'c1s1_000101.jpg: is not an image'),
    'empty image': ('prw', write('frames/c1s1_000101.jpg', b''),
                    'c1s1_000101.jpg: is not an image'),
    'missing frame annotation': ('prw', delete(FRAME), 'c1s1_000001.jpg.mat: '
                                 'missing'),
    'NaN box': ('prw', resave(FRAME, rows([[1, 2, np.nan, 3, 4]])),
                'c1s1_000001.jpg.mat: row 0 is not in pixels'),
    'infinite box': ('prw', resave(FRAME, rows([[1, 2, 3, 4, 5],
                                                [1, 2, np.inf, 3, 4]])),
                     'row 1 is not in pixels'),
    'matrix of four columns': ('prw', resave(FRAME, rows([[1, 2, 3, 4]])),
                               r'has shape \(1, 4\), not \(N, 5\)'),
    'identity in training and test': (
        'prw', lambda root: savemat(root / 'ID_test.mat',
                                    {'ID_test2': [[479, 932]]}),
        r'ID_test.mat: identities \[932\] are also in ID_train.mat'),
    'no query': ('prw', write('query_info.txt', '\n'),
                 'query_info.txt: names no query'),
    'no query with an identity': (
        'posetrack21', edit(f'{PT}/query.json', lambda d: [
            row.update(person_id=None) for row in d['annotations']]),
        'query.json: names no query'),
    'query line too short': ('prw', append('query_info.txt', '\n5 1 2 3 4'),
                             'query_info.txt: line 5 is not "id x y w h'),
    'query line of words': (
        'prw', append('query_info.txt', '\na b c d e f'), 'line 5 is not'),
    'query of a frame not in the test set': (
        'prw', append('query_info.txt', '\n933 1 2 3 4 c1s1_999999'),
        'frame c1s1_999999 of query 933 is not in frame_test.mat'),
    'binary instead of text': ('prw', write('query_info.txt', b'\xff\xfe\x80'),
                               'query_info.txt: is not a text file'),
    'invalid JSON': ('posetrack21', truncate(f'{PT}/val.json'),
                     'val.json: is not valid JSON .line 1'),
    'JSON of another form': (
        'posetrack21', write(f'{PT}/train.json', '[1, 2]'),
        r"train.json: lacks the keys \['images', 'annotations'\]"),
    'annotation of an unknown image': (
        'posetrack21', edit(f'{PT}/train.json', lambda d: d[
            'annotations'][1].update(image_id=7)),
        r'annotations\[1\] belongs to no image .image_id 7'),
    'image id twice': (
        'posetrack21', edit(f'{PT}/val.json', lambda d: d['images'].append(
            d['images'][0])),
        r'images\[3\] repeats the id'),
    'image without name': (
        'posetrack21', edit(f'{PT}/val.json', lambda d: d['images'].append(
            dict(id=5))),
        r'images\[3\].file_name is missing'),
    'bad odgt line': ('crowdhuman', append(ODGT, '\n{"ID": "x", "gtb'),
                      'annotation_train.odgt: is not valid JSON .line 3'),
    'odgt line without boxes': ('crowdhuman', append(ODGT, '\n{"ID": "x"}'),
                                'line 3.gtboxes is missing'),
    'odgt box that is NaN': (
        'crowdhuman',
        append(ODGT, '\n' + json.dumps(dict(ID='x', gtboxes=PERSONS))),
        r'line 3.gtboxes\[0\].fbox is no box'),
    'odgt line twice': (
        'crowdhuman', append(ODGT, '\n{"ID": "1,a", "gtboxes": []}'),
        'two lines describe Images/1,a.jpg'),
    'missing image folder': ('crowdhuman', delete_folder('Images'),
                             'Images: folder missing .or '),
    'empty crop folder': (
        'market1501', lambda root: [
            p.unlink() for p in (root / 'query').iterdir()],
        'query: holds no image'),
    'crops named otherwise': (
        'market1501', lambda root: [
            p.rename(p.with_name('img.jpg'))
            for p in (root / 'query').glob('*.jpg')],
        'no name has the form 0001_c1'),
    'list line without identity': (
        'msmt17', append('list_query.txt', '0000/a.jpg\n'),
        'list_query.txt: line 2 is not'),
    'list without lines': ('msmt17', write('list_gallery.txt', '\n\n'),
                           'list_gallery.txt: is empty'),
    'categories without person': (
        'coco-person', edit('annotations/instances_train2017.json',
                            lambda d: d.update(categories=[])),
        'has no category "person"'),
    'box of words': (
        'coco-person', edit('annotations/instances_val2017.json', lambda d: d[
            'annotations'][0].update(bbox=['a', 1, 2, 3])),
        r'annotations\[0\].bbox is no box'),
    'matrix of nine columns': (
        'citypersons', resave('annotations/anno_train.mat', lambda held: {
            'anno_train_aligned': trees.cell_column([trees.struct_array(
                [dict(cityname='a', im_name='b.png', bbs=np.ones((2, 9)))]
            )])}),
        r'anno_train_aligned\[0\].bbs \(b.png\) is no matrix'),
    'label without corner': (
        'eurocity', edit('day/labels/val/bonn/bonn_00001.json',
                         lambda d: d['children'][0].pop('x1')),
        r'children\[0\].x1 is missing'),
    'no labels': ('eurocity', lambda root: [
        shutil.rmtree(root / time / 'labels/train')
        for time in ('day', 'night')], 'labels missing'),
    'fewer boxes than announced': (
        'widerperson', append('Annotations/000001.jpg.txt', '1 2 3 4 5\n'),
        '000001.jpg.txt: announces 4 boxes and has 5'),
    'unknown class': (
        'widerperson', write('Annotations/000001.jpg.txt', '1\n9 1 2 3 4'),
        'line 2 is not "class x1 y1 x2 y2"'),
    'archive of the old MATLAB form': (
        'cuhk03', write('cuhk-03.mat', 'MATLAB 5.0'),
        'cuhk-03.mat: is not an HDF5 file'),
    'index beyond the list': (
        'cuhk03', resave('cuhk03_new_protocol_config_labeled.mat',
                         lambda held: held.update(query_idx=[[99]])),
        'query_idx points beyond the 20 files'),
    'pickle that runs code': (
        'luperson', write('keys.pkl', b'cos\nsystem\n(S"true"\ntR.'),
        'keys.pkl: is not a plain pickle .holds os.system'),
    'pickle of numbers': ('luperson', write('keys.pkl', b'\x80\x04K\x05.'),
                          'keys.pkl: holds no list of keys'),
    'no crops': ('luperson', lambda root: (
        shutil.rmtree(root), root.mkdir()), 'keys.pkl: file missing'),
    'labels of nothing': ('mot', write(f'{MOT}/gt/gt.txt', '\n'),
                          'gt.txt: labels nothing'),
    'row of another length': (
        'mot', append(f'{MOT}/gt/gt.txt', '3,1,2,3,4,5,1\n'),
        'gt.txt: line 5 is not 9 numbers: 3,1,2,3,4,5,1'),
    'row of words': ('mot', append(f'{MOT}/gt/gt.txt', 'a,b,c,1,2,3,4,5,6\n'),
                     'gt.txt: line 5 is not 9 numbers'),
    'row of a detector': (
        'mot', write(f'{MOT}/gt/gt.txt', '1,1,2,3,4\n'),
        'line 1 has 5 columns; rows are frame,id,left'),
    'frames counted from 0': (
        'mot', append(f'{MOT}/gt/gt.txt', '0,1,2,3,4,5,1,1,1\n'),
        'line 5: frame 0; frames are counted 1, 2'),
    'class without a name': (
        'mot', append(f'{MOT}/gt/gt.txt', '\n2,1,2,3,4,5,1,40,1\n'),
        'line 6 is of class 40; classes are 1 to 13'),
    'settings of another form': (
        'mot', write(f'{MOT}/seqinfo.ini', 'imDir: {'),
        'seqinfo.ini: is no ini file'),
    'setting that is no number': (
        'mot', write(f'{MOT}/seqinfo.ini', '[Sequence]\nframeRate=fast'),
        "seqinfo.ini: framerate is 'fast'; write a number"),
    'pictures elsewhere': (
        'mot', write(f'{MOT}/seqinfo.ini', '[Sequence]\nimDir=/etc'),
        "imDir is '/etc'; name a folder beside the file"),
    'labelled picture that is none': (
        'mot', write(f'{MOT}/img1/000001.jpg', 'hello'),
        '000001.jpg: is not an image'),
    'neither pictures nor a video': (
        'mot', lambda root: (
            shutil.rmtree(root / MOT / 'img1'),
            write(f'{MOT}/seqinfo.ini', '[Sequence]\nimDir=frames')(root)),
        'has no pictures in frames, and not one video but none'),
    'video that is none': (
        'mot', lambda root: (
            shutil.rmtree(root / MOT / 'img1'),
            (root / MOT / 'film.avi').write_text('hello')),
        'film.avi: is no video that OpenCV can read'),
}  # fmt: skip

# kind of damage: dataset, damage, what the report says
REPAIRS = {
    'box without area': (
        'prw', resave(FRAME, rows([[1, 5, 5, 0, 9], [1, 5, 5, 9, 9]])),
        'box without area', 'dropped'),
    'box outside': (
        'prw', resave(FRAME, rows([[1, 500, 5, 30, 60]])),
        'box outside the image', 'dropped'),
    'identity of the other split': (
        'prw', resave(FRAME, rows([[479, 5, 5, 30, 60]])),
        'identity 479 is not in ID_train.mat', 'taken as unlabelled'),
    'unknown negative identity': (
        'prw', resave(FRAME, rows([[-7, 5, 5, 30, 60]])),
        'unknown negative identity', 'taken as unlabelled'),
    'duplicate identity': (
        'prw', resave(FRAME, rows([[1, 5, 5, 30, 60], [1, 80, 5, 30, 60]])),
        'identity twice in an image', 'kept'),
    'two matrices in a file': (
        'prw', resave(FRAME, lambda held: held.update(
            anno_previous=np.ones((1, 5)))),
        "matrices ['box_new', 'anno_previous'] in one file", 'box_new used'),
    'query without annotation': (
        'prw', append('query_info.txt', '\n933 100 10 30 60 c2s1_000151'),
        'query without annotated box', 'box added'),
    'image listed twice': (
        'cuhk-sysu', resave(IMAGES, lambda held: {
            'Img': np.hstack([held['Img'], held['Img'][:, :1]])}),
        'image listed twice in Images.mat', 'boxes joined'),
    'query box not annotated': (
        'cuhk-sysu', resave(IMAGES, lambda held: {'Img': held['Img'][:, :3]}),
        'query box not in Images.mat', 'box added'),
    'training box not annotated': (
        'cuhk-sysu', resave(IMAGES, lambda held: {'Img': held['Img'][:, 1:]}),
        'training box not in Images.mat', 'left out'),
    'query frame outside the gallery': (
        'posetrack21', edit(f'{PT}/val.json', lambda d: (
            d['images'].pop(0), d['annotations'].pop(0))),
        'query frame not in val.json', 'added behind the gallery'),
    'flat box': (
        'posetrack21', edit(f'{PT}/train.json', lambda d: d['annotations'][
            0].update(bbox=[5, 5, 0, 9])), 'box without area', 'dropped'),
    'flat odgt box': (
        'crowdhuman', append(ODGT, '\n' + json.dumps(dict(ID='3,c', gtboxes=[
            dict(tag='person', fbox=[1, 2, 0, 4])]))),
        'box without area', 'dropped'),
    'flat box as corners': (
        'widerperson', write('Annotations/000001.jpg.txt', '1\n1 5 5 5 9'),
        'box without area', 'dropped'),
    'flat box in a child': (
        'eurocity', edit('day/labels/train/bonn/bonn_00001.json',
                         lambda d: d['children'][0].update(x1=10)),
        'box without area', 'dropped'),
    'name without identity': (
        'market1501', lambda root: trees.save_image(root / 'query/odd.jpg'),
        'name without identity and camera', 'left out'),
    'distractor among the training crops': (
        'market1501', lambda root: trees.save_image(
            root / 'bounding_box_train/0000_c1s1_000001_00.jpg'),
        'distractor in the training set', 'left out'),
    'query without gallery': (
        'market1501', lambda root: trees.save_image(
            root / 'query/0099_c1s1_000001_00.jpg'),
        'query identity without gallery image', 'kept; it cannot be scored'),
    'archive missing': (
        'cuhk03', lambda root: (
            prepare(find_form('cuhk03'), root), delete('cuhk-03.mat')(root)),
        'no archive, hence no classic protocol', 'left out'),
    'frame without picture': (
        'mot', delete(f'{MOT}/img1/000002.jpg'),
        'labelled frames without picture', 'left out'),
}  # fmt: skip


def test_there_are_many_kinds():
    assert len(ERRORS) + len(REPAIRS) >= 60


@pytest.mark.parametrize('kind', ERRORS)
def test_damage_is_one_clear_error(kind, pristine, tmp_path):
    name, damage, words = ERRORS[kind]
    if name == 'cuhk03':
        pytest.importorskip('h5py')
    root = pristine(name, tmp_path / 'root')
    damage(root)
    with pytest.raises(UserError, match=words) as caught:
        prepare(find_form(name), root)
    message = str(caught.value)
    assert '\n' not in message
    assert message.startswith(str(root))
    assert '; ' in message  # what helps
    assert not (root / 'prepared/report.json').exists()


@pytest.mark.parametrize('kind', REPAIRS)
def test_repairs_are_reported(kind, pristine, tmp_path):
    name, damage, what, treatment = REPAIRS[kind]
    if name == 'cuhk03':
        pytest.importorskip('h5py')
    root = pristine(name, tmp_path / 'root')
    damage(root)
    report = prepare(find_form(name), root)
    assert (what, treatment) in {(n.what, n.treatment) for n in report.notes}


def test_decoding_finds_a_damaged_picture(pristine, tmp_path):
    root = pristine('prw', tmp_path / 'root')
    noise = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)
    Image.fromarray(noise).save(root / 'frames/c1s1_000101.jpg')
    truncate('frames/c1s1_000101.jpg', 0.6)(root)
    assert prepare(find_form('prw'), root).written  # the header is whole
    with pytest.raises(UserError, match='image is damaged'):
        prepare(find_form('prw'), root, decode=True)


@pytest.mark.parametrize(('name', 'path'), [
    ('crowdhuman', 'Images/1,a.jpg'),
    ('prw', 'frames/c1s1_000001.jpg'),
])  # fmt: skip
def test_missing_pictures_may_be_left_out(pristine, tmp_path, name, path):
    root = pristine(name, tmp_path / 'root')
    delete(path)(root)
    with pytest.raises(UserError, match=f'missing, first {path}'):
        prepare(find_form(name), root)
    report = prepare(find_form(name), root, skip_missing=True)
    note = Note('image missing', path, 'left out', 1)
    assert note in report.notes
    document = json.loads((root / 'prepared/train.json').read_text())
    assert path not in {e['img_path'] for e in document['data_list']}
    with pytest.raises(UserError, match='missing'):  # not reused without
        prepare(find_form(name), root)


def test_pictures_that_a_protocol_names_may_not_be_missing(pristine, tmp_path):
    root = pristine('prw', tmp_path / 'root')
    delete('frames/c1s1_000101.jpg')(root)
    with pytest.raises(UserError, match='of the test set missing'):
        prepare(find_form('prw'), root, skip_missing=True)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(NativeDataError, match='known are cuhk-sysu, prw'):
        find_form('prv')
