"""Every dataset that can be prepared, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .crowdhuman import read_crowdhuman
from .cuhk_sysu import read_cuhk_sysu
from .errors import NativeDataError
from .expected import EXPECTED
from .files import NativeRoot
from .market1501 import read_market1501
from .msmt17 import read_msmt17
from .posetrack21 import read_posetrack21
from .prw import read_prw
from .records import NativeSet


@dataclass(frozen=True)
class NativeForm:
    """A dataset: its name, its reader, and where its files come from.

    ``sources`` are the files and folders, relative to the root, that the
    prepared files depend on; those that are not there are skipped.
    """

    name: str
    task: str  # 'search', 'detection' or 'reid'
    folder: str
    read: Callable[[NativeRoot], NativeSet]
    provenance: str
    sources: tuple[str, ...]
    expected: dict[str, int] = field(default_factory=dict)

    def matches(self, folder: str) -> bool:
        """Whether a folder name is this form's, or a numbered second one."""
        return (
            re.fullmatch(
                re.escape(self.folder) + r'(-\d+)?', folder, re.IGNORECASE
            )
            is not None
        )


def _form(
    name: str,
    task: str,
    folder: str,
    read: Callable,
    provenance: str,
    *sources: str,
) -> NativeForm:
    return NativeForm(
        name, task, folder, read, provenance, sources, EXPECTED.get(name, {})
    )


FORMS: dict[str, NativeForm] = {
    form.name: form
    for form in (
        _form(
            'cuhk-sysu',
            'search',
            'CUHK-SYSU',
            read_cuhk_sysu,
            'the CUHK-SYSU authors, on request '
            '(github.com/ShuangLI59/person_search)',
            'annotation',
            'Image',
        ),
        _form(
            'prw',
            'search',
            'PRW',
            read_prw,
            'PRW-v16.04.20.zip of the PRW authors '
            '(github.com/liangzheng06/PRW-baseline)',
            'annotations',
            'frames',
            'frame_train.mat',
            'frame_test.mat',
            'ID_train.mat',
            'ID_test.mat',
            'query_info.txt',
        ),
        _form(
            'posetrack21',
            'search',
            'PoseTrack21',
            read_posetrack21,
            'the PoseTrack21 authors, by signed form '
            '(github.com/anDoer/PoseTrack21)',
            'posetrack_person_search',
            'images',
        ),
        _form(
            'crowdhuman',
            'detection',
            'CrowdHuman',
            read_crowdhuman,
            'www.crowdhuman.org (annotation_*.odgt and the image archives, '
            'unpacked)',
            'annotation_train.odgt',
            'annotation_val.odgt',
            'Images',
            'Images_val',
            'train',
            'val',
            'CrowdHuman_train',
            'CrowdHuman_val',
        ),
        _form(
            'market1501',
            'reid',
            'Market-1501-v15.09.15',
            read_market1501,
            'the Market-1501 authors (Market-1501-v15.09.15.zip)',
            'bounding_box_train',
            'query',
            'bounding_box_test',
        ),
        _form(
            'msmt17',
            'reid',
            'MSMT17_V1',
            read_msmt17,
            'www.pkuvmc.com (MSMT17_V1 or MSMT17_V2, on request)',
            'train',
            'test',
            'mask_train_v2',
            'mask_test_v2',
            'bounding_box_train',
            'query',
            'bounding_box_test',
            'list_train.txt',
            'list_val.txt',
            'list_query.txt',
            'list_gallery.txt',
        ),
    )
}


def find_form(name: str) -> NativeForm:
    """The form of a name or folder name; case and separators are free."""
    plain = re.sub(r'[^a-z0-9]', '', name.lower())
    for form in FORMS.values():
        if form.matches(name) or plain == re.sub(r'[^a-z0-9]', '', form.name):
            return form
    raise NativeDataError(
        name,
        'no dataset of this name',
        f'known are {", ".join(FORMS)} and all',
    )


def find_folders(root: str | Path) -> list[tuple[NativeForm, Path]]:
    """Every known dataset that has its folder directly under ``root``."""
    if not Path(root).is_dir():
        raise NativeDataError(
            root, 'no such folder', 'name the folder that holds the datasets'
        )
    return [
        (form, folder)
        for form in FORMS.values()
        for folder in sorted(Path(root).iterdir())
        if folder.is_dir() and form.matches(folder.name)
    ]
