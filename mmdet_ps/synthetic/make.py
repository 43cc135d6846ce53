"""Makes data sets side by side in one folder, each of them whole or not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from .build import Build
from .forms import crowdhuman, cuhk_sysu, market1501, msmt17, posetrack21, prw
from .sizes import SIZES

FORMAT_VERSION = 1  # raise it when the same settings draw other pictures
WRITERS: dict[str, Callable[[Build], None]] = {
    'CUHK-SYSU': cuhk_sysu.write,
    'PRW': prw.write,
    'PoseTrack21': posetrack21.write,
    'CrowdHuman': crowdhuman.write,
    'CrowdHuman-2': crowdhuman.write,
    'Market-1501-v15.09.15': market1501.write,
    'MSMT17_V1': msmt17.write,
}


class SettingsClashError(ValueError):
    """The folder holds a set that was made with other settings."""


def settings(name: str, seed: int, size: str) -> dict:
    return {'set': name, 'seed': seed, 'size': size, 'version': FORMAT_VERSION}


def is_finished(out: Path, name: str, wanted: dict) -> bool:
    """Whether `out` holds the set; an error if it holds another one."""
    record = out / 'truth' / f'{name}.settings.json'
    if not (out / name).exists():
        return False
    found = json.loads(record.read_text()) if record.exists() else None
    if found == wanted:
        return True
    origin = f'was made with {found}' if found else 'is not synthetic data'
    raise SettingsClashError(
        f'{out / name} {origin}; wanted {wanted}. '
        'Pass --overwrite to replace it or choose another folder.'
    )


def make_set(out: Path, name: str, seed: int, size: str, workers: int) -> None:
    """Draw one set beside its final place, then move it there."""
    partial = out / f'{name}.partial'
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    build = Build(name, partial, SIZES[size][name], seed, workers)
    WRITERS[name](build)
    record = out / 'truth' / f'{name}.settings.json'
    build.truth.save(out / 'truth' / f'{name}.json')
    record.write_text(json.dumps(settings(name, seed, size)) + '\n')
    partial.rename(out / name)


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
    for name in names:
        if overwrite:
            shutil.rmtree(out / name, ignore_errors=True)
        elif is_finished(out, name, settings(name, seed, size)):
            report(f'{name}: already there')
            continue
        make_set(out, name, seed, size, workers)
        report(f'{name}: made')
