"""Makes data sets side by side in one folder, each of them whole or not."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from mmdet_ps.utils.errors import UserError

from .build import Build
from .forms import (
    citypersons,
    coco,
    crowdhuman,
    cuhk03,
    cuhk_sysu,
    dukemtmc,
    eurocity,
    luperson,
    market1501,
    mot,
    msmt17,
    posetrack21,
    prw,
    widerperson,
)
from .sizes import DEFAULT_SETS, SIZES

FORMAT_VERSION = 2  # raise it when the same settings draw other pictures
WRITERS: dict[str, Callable[[Build], None]] = {
    'CUHK-SYSU': cuhk_sysu.write,
    'PRW': prw.write,
    'PoseTrack21': posetrack21.write,
    'CrowdHuman': crowdhuman.write,
    'CrowdHuman-2': crowdhuman.write,
    'Market-1501-v15.09.15': market1501.write,
    'MSMT17_V1': msmt17.write,
    'MSMT17_V2': partial(msmt17.write, version='V2'),
    'MSMT17_market': partial(msmt17.write, version='market'),
    'CityPersons': citypersons.write,
    'ECP': eurocity.write,
    'WiderPerson': widerperson.write,
    'coco': coco.write,
    'cuhk03_release': cuhk03.write,
    'DukeMTMC-reID': dukemtmc.write,
    'LUPerson': luperson.write,
    'MOT17': mot.write,
}
NEEDS = {'cuhk03_release': 'h5py'}  # set -> package
MARK = '.synthetic.json'  # in a set's folder; holds its settings


class SettingsClashError(UserError):
    """The folder holds a set that was made with other settings."""


def available_sets(size: str) -> list[str]:
    """Names of the sets that a size preset makes by default.

    Sets that need a package which is not installed are left out.
    """
    return [
        name
        for name in DEFAULT_SETS[size]
        if find_spec(NEEDS.get(name, 'numpy'))
    ]


def settings(name: str, seed: int, size: str) -> dict:
    """What decides how a set looks; kept in its folder."""
    return {'set': name, 'seed': seed, 'size': size, 'version': FORMAT_VERSION}


def is_finished(folder: Path, wanted: dict, overwrite: bool) -> bool:
    """Whether a set is there already.

    What an earlier version drew with the same settings counts as missing.
    Only data that this module drew is ever replaced.

    Args:
        folder: Folder of the set.
        wanted: What :func:`settings` returns for the set to make.
        overwrite: Replace a set that was made with other settings.

    Raises:
        SettingsClashError: Something else is there that is not to be
            replaced.
    """
    if not (folder.exists() or folder.is_symlink()):
        return False
    mark = folder / MARK
    if not mark.exists():
        raise SettingsClashError(
            f'{folder} is there and was not drawn by this tool. '
            'Choose another folder for the synthetic data.'
        )
    found = json.loads(mark.read_text())
    outdated = found.pop('version') != FORMAT_VERSION
    same = found == {key: wanted[key] for key in found}
    if same or overwrite:
        return same and not outdated
    raise SettingsClashError(
        f'{folder} was made with {found}, other than asked for. '
        'Pass --overwrite to replace it, or choose another folder.'
    )


def make_set(out: Path, name: str, seed: int, size: str, workers: int) -> None:
    """Draw one set beside its final place, then move it there."""
    unfinished = out / f'{name}.partial'
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    build = Build(name, unfinished, SIZES[size][name], seed, workers)
    WRITERS[name](build)
    mark = json.dumps(settings(name, seed, size)) + '\n'
    (unfinished / MARK).write_text(mark)
    build.truth.save(out / 'truth' / f'{name}.json')
    shutil.rmtree(out / name, ignore_errors=True)
    unfinished.rename(out / name)


def make_sets(
    out: Path,
    names: list[str],
    seed: int,
    size: str,
    workers: int,
    overwrite: bool,
    report: Callable[[str], None] = print,
) -> None:
    """Make what is missing; report(line) says what happened to each set."""
    missing = [
        name
        for name in names
        if not is_finished(out / name, settings(name, seed, size), overwrite)
    ]
    for name in names:
        if name in missing:
            make_set(out, name, seed, size, workers)
        report(f'{name}: {"made" if name in missing else "already there"}')
