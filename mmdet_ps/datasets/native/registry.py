"""Every dataset that can be prepared, by name."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from mmdet_ps.structures import SearchProtocol
from mmdet_ps.utils.errors import UserError

from .citypersons import read_citypersons
from .coco_person import read_coco_person
from .crowdhuman import read_crowdhuman
from .cuhk03 import read_cuhk03, unpack_cuhk03
from .cuhk_sysu import read_cuhk_sysu
from .cuhk_sysu_crops import read_cuhk_sysu_crops
from .errors import NativeDataError
from .eurocity import read_eurocity
from .expected import EXPECTED
from .files import NativeRoot
from .luperson import read_luperson
from .market1501 import read_market1501
from .mot import MotOptions, read_mot
from .mot_pictures import extract_pictures
from .mot_protocol import make_protocols
from .msmt17 import read_msmt17
from .posetrack21 import read_posetrack21
from .prw import read_prw
from .records import NativeSet
from .widerperson import read_widerperson


@dataclass(frozen=True)
class NativeForm:
    """A dataset: its name, its reader, and where its files come from.

    Args:
        name: Name on the command line and in annotation files.
        task: ``search``, ``detection`` or ``reid``.
        folder: Usual name of its folder; others stand behind ``|``.
        read: The reader. It takes the folder and returns its splits, whose
            images come in the order the evaluation counts on; it raises
            ``NativeDataError`` where a file is missing or damaged.
        sources: Files and folders, relative to the root and with spaces
            between them, that the prepared files depend on; those that are
            not there are skipped.
        provenance: Who publishes it, and how to get it.
        unpack: Runs before a conversion; may write images into the root.
        options: A dataclass of the choices the reader offers; the reader
            and the two functions below then take an instance of it.
        extract: Runs after reading; may write images into the output folder
            (None: only look) and change the set.
        protocols: Makes the search protocols out of the finished set, for
            forms that publish none.
    """

    name: str
    task: str
    folder: str
    read: Callable[[NativeRoot], NativeSet]
    sources: str
    provenance: str
    unpack: Callable[[NativeRoot], None] | None = None
    options: type | None = None
    extract: Callable[..., None] | None = None
    protocols: Callable[..., list[SearchProtocol]] | None = None

    @property
    def option_kinds(self) -> dict[str, type]:
        """Name of each choice that the reader offers -> type of its value."""
        if self.options is None:
            return {}
        return {
            field.name: type(field.default) for field in fields(self.options)
        }

    def choose(self, pairs: Iterable[str] = ()) -> object | None:
        """The options of the reader, some of them changed.

        Args:
            pairs: Changes, each a text ``name=value``.

        Returns:
            object: An instance of ``options``; None where the reader offers
            no choice.

        Raises:
            UserError: There is no such option, or its value has another type
                or is out of its range.
        """
        kinds = self.option_kinds
        values = {}
        for pair in pairs:
            name, _, text = pair.partition('=')
            if name not in kinds:
                offered = ', '.join(kinds) or 'none'
                raise UserError(
                    f'--option {pair}: {self.name} has no option {name}; it '
                    f'has {offered}'
                )
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise UserError(
                    f'--option {pair}: write {name}={kinds[name].__name__}'
                ) from None
        return self.options and self.options(**values)

    @property
    def expected(self) -> dict[str, int]:
        """Counts of the published release."""
        return EXPECTED.get(self.name, {})

    def matches(self, folder: str) -> bool:
        """Whether a folder name is this form's, or a numbered second one."""
        pattern = rf'({self.folder.replace(".", "[.]")})(-\d+)?'
        return re.fullmatch(pattern, folder, re.IGNORECASE) is not None


MARKET_FOLDERS = 'bounding_box_train query bounding_box_test'
FORMS = {
    form.name: form
    for form in (
        NativeForm(
            'cuhk-sysu', 'search', 'CUHK-SYSU', read_cuhk_sysu,
            'annotation Image',
            'the CUHK-SYSU authors, on request '
            '(github.com/ShuangLI59/person_search)'),
        NativeForm(
            'prw', 'search', 'PRW|PRW-v16.04.20', read_prw,
            'annotations frames frame_train.mat frame_test.mat ID_train.mat '
            'ID_test.mat query_info.txt',
            'PRW-v16.04.20.zip of the PRW authors '
            '(github.com/liangzheng06/PRW-baseline)'),
        NativeForm(
            'posetrack21', 'search', 'PoseTrack21', read_posetrack21,
            'posetrack_person_search images',
            'the PoseTrack21 authors, by signed form '
            '(github.com/anDoer/PoseTrack21)'),
        NativeForm(
            'crowdhuman', 'detection', 'CrowdHuman', read_crowdhuman,
            'annotation_train.odgt annotation_val.odgt Images Images_val '
            'train val CrowdHuman_train CrowdHuman_val',
            'www.crowdhuman.org (annotation_*.odgt and the image archives, '
            'unpacked)'),
        NativeForm(
            'coco-person', 'detection', 'coco', read_coco_person,
            'annotations/instances_train2017.json '
            'annotations/instances_val2017.json train2017 val2017',
            'cocodataset.org (2017 images and annotations)'),
        NativeForm(
            'citypersons', 'detection', 'CityPersons', read_citypersons,
            'annotations anno_train.mat anno_val.mat leftImg8bit',
            'the CityPersons authors (anno_*.mat) and '
            'www.cityscapes-dataset.com (leftImg8bit)'),
        NativeForm(
            'eurocity', 'detection', 'ECP|EuroCityPersons', read_eurocity,
            'day/labels night/labels day/img night/img',
            'the EuroCity Persons authors (day and night, img and labels)'),
        NativeForm(
            'widerperson', 'detection', 'WiderPerson', read_widerperson,
            'Annotations Images train.txt val.txt',
            'the WiderPerson authors (WiderPerson.zip)'),
        NativeForm(
            'market1501', 'reid', 'Market-1501-v15.09.15|Market-1501',
            read_market1501, MARKET_FOLDERS,
            'the Market-1501 authors (Market-1501-v15.09.15.zip)'),
        NativeForm(
            'msmt17', 'reid', 'MSMT17_V1|MSMT17_V2|MSMT17|MSMT17_market',
            read_msmt17,
            f'train test mask_train_v2 mask_test_v2 {MARKET_FOLDERS} '
            'list_train.txt list_val.txt list_query.txt list_gallery.txt',
            'www.pkuvmc.com (MSMT17_V1 or MSMT17_V2, on request)'),
        NativeForm(
            'cuhk03', 'reid', 'cuhk03_release|cuhk03|cuhk03-np', read_cuhk03,
            'cuhk-03.mat cuhk03_new_protocol_config_labeled.mat '
            'cuhk03_new_protocol_config_detected.mat images_labeled '
            'images_detected labeled detected',
            'the CUHK03 authors (cuhk03_release.zip) and '
            'github.com/zhunzhong07/person-re-ranking (new protocol)',
            unpack_cuhk03),
        NativeForm(
            'dukemtmc', 'reid', 'DukeMTMC-reID',
            partial(read_market1501, has_distractors=False), MARKET_FOLDERS,
            'nowhere any more: its authors withdrew it; copies in its form '
            'are read'),
        NativeForm(
            'luperson', 'reid', 'LUPerson', read_luperson,
            'keys.pkl lmdb lup data.mdb',
            'github.com/DengpanFu/LUPerson (videos, detector, LMDB script)'),
        NativeForm(
            'mot', 'search', 'MOT|MOT15|2DMOT2015|MOT16|MOT17|MOT20',
            read_mot, '.',
            'motchallenge.net, or a labelling tool that exports '
            'MOTChallenge\'s form (CVAT: "MOT 1.1")',
            options=MotOptions, extract=extract_pictures,
            protocols=make_protocols),
        NativeForm(
            'cuhk-sysu-crops', 'reid', 'CUHK-SYSU-crops', read_cuhk_sysu_crops,
            'cropped_images cropped_image',
            'the cropped images of CUHK-SYSU as packed with torchreid'),
    )
}  # fmt: skip


def find_form(name: str) -> NativeForm:
    """The dataset of a name or folder name; case and separators are free.

    Raises:
        NativeDataError: No dataset has this name.
    """
    for form in FORMS.values():
        if form.matches(name) or _plain(name) in _plain_names(form):
            return form
    raise NativeDataError(
        name,
        'no dataset of this name',
        f'known are {", ".join(FORMS)} and all',
    )


def _plain(name: str) -> str:
    return re.sub(r'[^a-z0-9]', '', name.lower())


def _plain_names(form: NativeForm) -> list[str]:
    return [_plain(name) for name in (form.name, *form.folder.split('|'))]


def find_folders(root: str | Path) -> list[tuple[NativeForm, Path]]:
    """Find every known dataset with a folder directly under ``root``.

    Returns:
        list[tuple[NativeForm, Path]]: In the order of ``FORMS``; several of
        a dataset with numbered folders.

    Raises:
        NativeDataError: ``root`` is no folder.
    """
    folders = _folders(root)
    return [
        (form, folder)
        for form in FORMS.values()
        for folder in folders
        if form.matches(folder.name)
    ]


def find_strangers(root: str | Path) -> list[str]:
    """Describe every folder under ``root`` that has no dataset's name.

    The configurations look for datasets under the known names, so a folder
    of another name is to be linked under one. A folder that holds prepared
    files of its own is left out.

    Returns:
        list[str]: One line for the user per folder.
    """
    lines = []
    for folder in _folders(root):
        if any(form.matches(folder.name) for form in FORMS.values()):
            continue
        if os.path.isdir(folder / 'prepared'):
            continue
        names = {
            name: form.folder.split('|')[0]
            for form in FORMS.values()
            for name in _plain_names(form)
        }
        near = difflib.get_close_matches(_plain(folder.name), names, 1)
        line = f'{folder}: not prepared, no dataset has this name'
        if near:
            known = names[near[0]]
            line += (
                f'; if it is {known}, rename it or link it: ln -s '
                f'{folder.name} {folder.with_name(known)}'
            )
        lines.append(line)
    return lines


def _folders(root: str | Path) -> list[Path]:
    if not os.path.isdir(root):
        raise NativeDataError(
            root, 'no such folder', 'name the folder that holds the datasets'
        )
    return [
        path
        for path in sorted(Path(root).iterdir())
        if os.path.isdir(path) and not path.name.startswith('.')
    ]
