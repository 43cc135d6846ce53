"""From a native folder to annotation files, protocol and report."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmdet_ps.structures import SearchProtocol, save_protocols
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json

from .apart import read_apart
from .files import NativeRoot
from .finish import finish
from .protocols import PROTOCOL_FILE, write_protocol
from .records import NativeSet, Note
from .registry import NativeForm
from .writing import FORMAT_VERSION, write_split

REPORT = 'report.json'


@dataclass
class Report:
    """What was found in a native folder, and what became of it.

    Args:
        dataset (str): Name of the dataset.
        root (str): Its native folder.
        out (str): Folder that is written to.
        found (dict[str, int]): Counts of what the folder holds.
        expected (dict[str, int]): Counts of the published release.
        notes (list[Note]): Errors of the data, and their treatment.
        written (list[str]): Names of the files written to ``out``.
        reused (bool): Whether the files of an earlier run are still valid, so
            that nothing was written.
    """

    dataset: str
    root: str
    out: str
    found: dict[str, int]
    expected: dict[str, int]
    notes: list[Note] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    reused: bool = False

    @property
    def differing(self) -> list[str]:
        """Names of the known counts that the folder does not have."""
        return [
            name
            for name, count in self.expected.items()
            if self.found.get(name) != count
        ]


def prepare(
    form: NativeForm,
    root: str | Path,
    out: str | Path | None = None,
    **options: object,
) -> Report:
    """Read, verify and (unless told otherwise) convert one dataset.

    This happens in a process of its own, so that no damaged file ends this
    one.

    Args:
        form (NativeForm): The dataset.
        root (str or Path): Its native folder.
        out (str or Path): Folder to write to; by default ``prepared`` below
            the root.
        **options (object): See :func:`prepare_here`.

    Returns:
        Report: What was found and written.

    Raises:
        UserError: A file is missing, damaged or of another form, or the
            folder cannot be written to.
    """
    try:
        return read_apart(prepare_here, form, root, out, **options)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        folder = f'data/{Path(root).absolute().name}'
        raise UserError(
            f'{error.filename or root}: {error.strerror}; where the native '
            'files cannot be written to, prepare a folder of links to them: '
            f'mkdir -p {folder} && ln -s {Path(root).absolute()}/* {folder}/ '
            f'(DATA_ROOT= names another folder than data), or write '
            'elsewhere by --out DIR and link it there: ln -s DIR '
            f'{folder}/prepared'
        ) from error


def earlier_options(form: NativeForm, out: Path) -> object | None:
    """The options that an earlier run prepared a folder with.

    Args:
        form (NativeForm): The dataset.
        out (Path): Folder that was written to.

    Returns:
        object: As ``form.choose`` returns it; None where nothing was
        prepared, or without options, or with those of another release.
    """
    try:
        stamp = json.loads((out / REPORT).read_text())['stamp']
        return form.options and form.options(**stamp['options'])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def how_to_find(root: str | Path, out: str | Path) -> str | None:
    """What lets configurations find what was written elsewhere.

    Args:
        root (str or Path): The native folder.
        out (str or Path): Folder that was written to.

    Returns:
        str: A line for the user; None if there is nothing to do.
    """
    usual = Path(root).absolute() / 'prepared'
    out = Path(out).absolute()
    if usual.exists() and usual.samefile(out):
        return None
    links = f'data/{usual.parent.name}'
    return (
        f'configurations look into {usual}: ln -s {out} {usual}; where that '
        f'cannot be written to, make a folder of links: mkdir -p {links} && '
        f'ln -s {usual.parent}/* {links}/ && ln -s {out} {links}/prepared'
    )


def prepare_here(
    form: NativeForm,
    root: str | Path,
    out: str | Path | None = None,
    *,
    verify_only: bool = False,
    dry_run: bool = False,
    decode: bool = False,
    skip_missing: bool = False,
    workers: int = 0,
    options: object | None = None,
) -> Report:
    """Do the work of :func:`prepare` in this process.

    Args:
        form (NativeForm): The dataset.
        root (str or Path): Its native folder.
        out (str or Path): Folder to write to.
        verify_only (bool): Look at everything, write nothing.
        dry_run (bool): Read the annotations, touch no image, write nothing.
        decode (bool): Decode every image, to find damaged ones.
        skip_missing (bool): Leave missing images out and count them; those
            of a search set's test part stay an error, since the protocol
            names them.
        workers (int): Processes for work on many files.
        options (object): What ``form.choose`` returns, for datasets that
            offer options; None takes the defaults.

    Returns:
        Report: What was found and written.
    """
    native_root = NativeRoot(root, form.provenance, workers)
    out = Path(out) if out else native_root.path / 'prepared'
    if form.unpack and not (verify_only or dry_run):
        form.unpack(native_root)
    stamp = dict(
        source_stamp(native_root.path, form.sources.split(), out),
        source=source_name(form, native_root.path),
        format_version=FORMAT_VERSION,
    )
    chosen = ()
    if form.options is not None:
        chosen = (options or form.options(),)
        stamp['options'] = asdict(chosen[0])
    if skip_missing:
        stamp['skip_missing'] = True
    if not (verify_only or dry_run or decode):
        earlier = _reusable(native_root.path, out, stamp)
        if earlier is not None:
            return earlier
    native = form.read(native_root, *chosen)
    report = Report(
        form.name,
        str(native_root.path),
        str(out),
        native.facts,
        form.expected,
        native.notes,
    )
    if dry_run:
        return report
    if form.extract:
        target = None if verify_only else out
        form.extract(native, native_root, target, *chosen)
    may_lack = {
        split.name
        for split in native.splits
        if skip_missing
        and not (form.task == 'search' and split.name == 'test')
    }
    finish(native, native_root, decode, may_lack)
    protocols = form.protocols and form.protocols(native, *chosen)
    if not verify_only:
        _write(native, native_root, form, report, stamp, protocols)
    return report


def _write(
    native: NativeSet,
    root: NativeRoot,
    form: NativeForm,
    report: Report,
    stamp: dict,
    protocols: list[SearchProtocol] | None,
) -> None:
    out = Path(report.out)
    (out / REPORT).unlink(missing_ok=True)
    source = source_name(form, root.path)
    for split in native.splits:
        write_split(out / f'{split.name}.json', split, form.name, source)
        report.written.append(f'{split.name}.json')
    if protocols:
        save_protocols(out / PROTOCOL_FILE, protocols)
        report.written.append(PROTOCOL_FILE)
    elif form.protocols:
        (out / PROTOCOL_FILE).unlink(missing_ok=True)
    elif form.task == 'search':
        report.written += write_protocol(form.name, root.path, out)
    write_json(
        out / REPORT,
        dict(
            dataset=form.name,
            stamp=stamp,
            found=report.found,
            expected=report.expected,
            differing=report.differing,
            notes=[vars(note) for note in report.notes],
            written=report.written,
        ),
        indent=1,
    )


def source_name(form: NativeForm, root: Path) -> str:
    """The form's name, with the number of a second folder of that form."""
    name = root.absolute().name  # of the link, where it is one
    number = re.search(r'-\d+$', name) if form.matches(name) else None
    usual = any(
        name.lower() == folder.lower() for folder in form.folder.split('|')
    )
    return form.name + (number[0] if number and not usual else '')


def source_stamp(
    root: Path, sources: Iterable[str], out: Path | None = None
) -> dict:
    """Tell a state of the source files from any other one.

    Args:
        root (Path): The native folder.
        sources (Iterable[str]): Files and folders, relative to the root.
        out (Path): Folder that is written to, which is no source.

    Returns:
        dict: ``files``, the number of source files, and ``digest``, the
        SHA-256 of their names, sizes and times of change.
    """
    digest, files = hashlib.sha256(), 0
    for source in sources:
        for path in _files(Path(root) / source, out):
            status = os.stat(path)
            name = os.path.relpath(path, root)
            digest.update(
                os.fsencode(f'{name} {status.st_size} {status.st_mtime_ns}\n')
            )
            files += 1
    return dict(files=files, digest=digest.hexdigest())


def _files(path: Path, out: Path | None) -> Iterator[str]:
    if path.is_file():
        yield str(path)
    for folder, below, names in os.walk(path, followlinks=True):
        below[:] = sorted(
            name
            for name in below
            if out is None or Path(folder, name).absolute() != out.absolute()
        )
        for name in sorted(names):
            if os.path.exists(os.path.join(folder, name)):
                yield os.path.join(folder, name)


def _reusable(root: Path, out: Path, stamp: dict) -> Report | None:
    """The report of an earlier run on the same sources."""
    try:
        earlier = json.loads((out / REPORT).read_text())
        known = earlier['stamp']
        if 'domain' in known:  # as version 0.1 wrote it
            known['source'] = known.pop('domain')
        if known != stamp or not stamp['files']:
            return None
        if not all((out / name).is_file() for name in earlier['written']):
            return None
        return Report(
            earlier['dataset'],
            str(root),
            str(out),
            earlier['found'],
            earlier['expected'],
            [Note(**note) for note in earlier['notes']],
            earlier['written'],
            reused=True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no report, or one of an interrupted or older run


def format_report(report: Report, examples: int = 3) -> str:
    """Write the report as text: counts, errors of the data, files.

    Args:
        report (Report): The report.
        examples (int): How many entries are named of each kind of error.
    """
    lines = [f'{report.dataset}  {report.root}', '']
    width = max(map(len, [*report.found, *report.expected]), default=0)
    lines.append(f'  {"":{width}}  {"found":>8}  {"known":>8}')
    names = [
        *report.found,
        *(n for n in report.expected if n not in report.found),
    ]
    for name in names:
        found = report.found.get(name, '-')
        known = report.expected.get(name, '')
        mark = 'differs' if name in report.differing else ''
        lines.append(
            f'  {name:{width}}  {found:>8}  {known:>8}  {mark}'.rstrip()
        )
    lines += _format_notes(report.notes, examples)
    if report.differing:
        lines += [
            '',
            f'  {len(report.differing)} counts differ from the '
            'published release: another release, a partial copy, or '
            'synthetic data',
        ]
    state = 'unchanged, reused' if report.reused else 'written'
    if report.written:
        lines += [
            '',
            f'  {state}: {report.out}/{{'
            f'{",".join([*report.written, REPORT])}}}',
        ]
    return '\n'.join(lines)


def _format_notes(notes: list[Note], examples: int) -> list[str]:
    if not notes:
        return []
    lines = ['', '  errors of the data, and their treatment']
    kinds: Counter = Counter()
    for note in notes:
        kinds[note.what, note.treatment] += note.count
    for (what, treatment), count in kinds.items():
        lines.append(f'  {count:6} x {what}: {treatment}')
        where = [note.where for note in notes if note.what == what]
        lines += [f'           {place}' for place in where[:examples]]
        if count > min(examples, len(where)):
            left = count - min(examples, len(where))
            lines.append(f'           ... and {left} more')
    return lines
