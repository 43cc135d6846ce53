"""Models that somebody published: a folder of files, here or on a hub.

``mmdet-ps publish`` writes such a folder: weights (safetensors), the
configuration, scores, a model card, and the SHA-256 of each. On the Hugging
Face hub it is named ``hf://OWNER/NAME`` or ``hf://OWNER/NAME@REVISION``, the
revision being a branch, a tag or a commit.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from .errors import UserError
from .optional_packages import optional

WEIGHTS = 'model.safetensors'
CONFIG = 'config.py'
SCORES = 'scores.json'
CARD = 'README.md'
SUMS = 'SHA256SUMS'
FILES = (WEIGHTS, CONFIG, SCORES, CARD, SUMS)
SCHEME = 'hf://'
ADDRESS = re.compile(r'hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?')
CHUNK = 1 << 20  # bytes


def is_hub_address(name: object) -> bool:
    """Whether a model is named by its place on the hub."""
    return str(name).startswith(SCHEME)


def fetch_model(address: str, cache: Path, offline: bool) -> Path:
    """The folder of a published model, fetched if it is not there.

    Args:
        address: ``hf://OWNER/NAME[@REVISION]``.
        cache: Folder that fetched models are kept in.
        offline: Ask no hub; take what is there.

    Returns:
        Path: The folder, every file of it checked.

    Raises:
        UserError: There is no such model, it cannot be fetched, or a file is
            not the published one.
    """
    parts = ADDRESS.fullmatch(address)
    if parts is None:
        raise UserError(
            f'{address}: write hf://OWNER/NAME or hf://OWNER/NAME@REVISION'
        )
    hub = optional('huggingface_hub')
    # Read here: the package reads the variable once, when it is imported.
    api = hub.HfApi(endpoint=os.environ.get('HF_ENDPOINT') or None)
    try:
        folder = api.snapshot_download(
            parts[1],
            revision=parts[2],
            cache_dir=cache,
            local_files_only=offline,
            allow_patterns=list(FILES),
        )
    except Exception as error:  # of many kinds, down to those of the network
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise UserError(
            f'{address}: cannot be fetched ({reason}); check the name and '
            'the revision, and for a private model log in with `hf auth '
            f'login`. Where there is no network, copy {cache} from a machine '
            'that has fetched it'
        ) from error
    check_sums(Path(folder))
    return Path(folder)


def is_published(folder: str | os.PathLike) -> bool:
    """Whether a path is the folder of a published model."""
    return all(os.path.isfile(Path(folder, name)) for name in (WEIGHTS, SUMS))


def weights_file(path: str | os.PathLike) -> Path:
    """The file of weights that a path names: that of a published model, or
    the path itself."""
    path = Path(path).expanduser()
    return path / WEIGHTS if is_published(path) else path


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def sums_of(folder: Path) -> str:
    """The list of SHA-256 of a folder, as ``sha256sum -c`` reads it."""
    names = sorted(p.name for p in folder.iterdir() if p.name != SUMS)
    return ''.join(f'{digest(folder / name)}  {name}\n' for name in names)


def check_sums(folder: Path) -> None:
    """Refuse a published model whose files are not those of its list.

    Raises:
        UserError: Names the file.
    """
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except FileNotFoundError:
        raise UserError(
            f'{folder}: holds no {SUMS}, so it is no model published with '
            '`mmdet-ps publish`'
        ) from None
    wanted = {}
    for line in lines:
        value, _, name = line.partition('  ')
        wanted[name] = value
    for name in (WEIGHTS, CONFIG):
        if name not in wanted:
            raise UserError(f'{folder / SUMS}: does not list {name}')
    for name, value in wanted.items():
        if name not in FILES:
            raise UserError(f'{folder / SUMS}: lists {name}, of no model')
        path = folder / name
        if not path.is_file():
            raise UserError(f'{path}: is missing; fetch the model again')
        found = digest(path)
        if found != value:
            raise UserError(
                f'{path}: is not the published file (its SHA-256 begins with '
                f'{found[:8]}, not with {value[:8]}); remove it and fetch '
                'the model again'
            )
