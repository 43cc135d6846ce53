"""Finds weights by path, address or name, and fetches what is not there.

Weights that are named by an address or as ``open-mmlab://...`` and
``torchvision://...``, and models of a hub (``hf://...``), lie in one folder:
``$MMDET_PS_WEIGHTS``, by default ``~/.cache/mmdet_ps``. A machine without a
network finds there what somebody put there. All files are read by
:mod:`mmdet_ps.utils.safe_load`, those that mmengine loads for itself, too.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import torch

from .errors import UserError
from .files import replacing
from .hub import (
    WEIGHTS,
    check_sums,
    fetch_model,
    is_hub_address,
    is_published,
    weights_file,
)
from .safe_load import CheckpointError, check_form, load_file

FOLDER_VARIABLE = 'MMDET_PS_WEIGHTS'
DEFAULT_FOLDER = '~/.cache/mmdet_ps'
# Set to anything but 0, nothing is ever downloaded.
OFFLINE_VARIABLE = 'MMDET_PS_OFFLINE'
PREPARE = 'python tools/prepare_weights.py'
# Where psvis 1.6.0 downloads its weights from, and what each is called.
PUBLISHED = 'https://huggingface.co/Alice10/psvision/resolve/main'
FILES = {
    'resnet50': 'resnet50-ps12.pth',
    'resnet18': 'resnet18-ps15.pth',
    'shufflenet_v1': 'shufflenetv1-ps19.pth',
}
TIMEOUT = 15  # seconds without an answer
CHUNK = 1 << 20  # bytes
SCHEME = re.compile(r'([\w.+-]+)://(.+)')
# Publishers put the first digits of the file's SHA-256 into its name.
DIGEST = re.compile(r'-([0-9a-f]{8,64})\.\w+$')
# Python texts in a checkpoint that mmengine runs, to resume or to infer.
CONFIG_TEXTS = (
    ('meta', 'config'),
    ('meta', 'cfg'),
    ('message_hub', 'runtime_info', 'cfg'),
)


def published_backbones() -> list[str]:
    """Addresses of the backbones of the paper's authors."""
    return [f'{PUBLISHED}/{name}' for name in FILES.values()]


def weights_folder() -> Path:
    """Where weights lie that are named by an address."""
    folder = os.environ.get(FOLDER_VARIABLE, DEFAULT_FOLDER)
    return Path(folder).expanduser()


def is_remote(name: str | Path) -> bool:
    """Whether weights are named by an address, not by a path."""
    return SCHEME.match(str(name)) is not None


def load_from_store(name: str, map_location: object = None) -> dict:
    """What mmengine calls to read a checkpoint, whatever names it.

    Texts of a configuration are taken out, because mmengine would run them.

    Args:
        name: Path, address, or name such as ``open-mmlab://...``.
        map_location: As of ``torch.load``; None is the CPU.

    Raises:
        CheckpointError: The file cannot be got or used.
    """
    path = find_weights(name)
    content = load_file(path, map_location or 'cpu')
    if not isinstance(content, dict):
        raise CheckpointError(
            f'{path}: holds a {type(content).__name__}, not a dict of '
            'weights; save the state_dict of a model'
        )
    weights = content.get('state_dict', content)
    if not isinstance(weights, dict) or not all(
        isinstance(key, str) for key in weights
    ):
        raise CheckpointError(
            f'{path}: its state_dict is no dict of weights by their names; '
            'save that of a model'
        )
    for *keys, last in CONFIG_TEXTS:
        part = content
        for key in keys:
            part = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, dict):
            part.pop(last, None)
    if str(name).startswith('mmcls://'):  # of a classifier, its backbone
        content = dict(
            state_dict={
                key.removeprefix('backbone.'): value
                for key, value in weights.items()
                if key.startswith('backbone.')
            }
        )
    return content


def is_offline() -> bool:
    """Whether the user forbids downloads."""
    return os.environ.get(OFFLINE_VARIABLE, '0') != '0'


def find_model(address: str) -> Path:
    """The folder of a model on the hub, fetched if it is not there.

    Raises:
        UserError: It cannot be fetched, or is not the published one.
    """
    return fetch_model(address, weights_folder() / 'hub', is_offline())


def find_weights(name: str | Path) -> Path:
    """The file of weights of this name, fetched if it is not there.

    A published model, as a folder or on a hub, is known by its name, too.

    Raises:
        CheckpointError: It is not there and cannot be fetched, or is not
            the published one.
    """
    if not is_remote(name):
        path = Path(name).expanduser()
        if is_published(path):
            check_sums(path)
        return weights_file(path)
    if is_hub_address(name):
        return find_model(str(name)) / WEIGHTS
    url = address_of(str(name))
    path = place_of(url)
    if not path.is_file():
        with _one_at_a_time(path):
            if not path.is_file():
                download(url, path, str(name))
    check_digest(path)
    return path


def place_of(url: str) -> Path:
    """Where the file of an address lies, or belongs."""
    name = Path(urlparse(url).path).name
    path = weights_folder() / name
    elsewhere = Path(torch.hub.get_dir()) / 'checkpoints' / name
    if not path.is_file() and elsewhere.is_file():
        return elsewhere  # fetched by PyTorch or an earlier release
    return path


def address_of(name: str) -> str:
    """The address that a name such as ``torchvision://resnet50`` means."""
    scheme, model = SCHEME.match(name).groups()
    if scheme in ('http', 'https', 'file'):
        return name
    from mmengine.runner import checkpoint as known

    if scheme in ('torchvision', 'modelzoo'):
        addresses = known.get_torchvision_models()
    elif scheme in ('open-mmlab', 'openmmlab'):
        addresses = known.get_external_models()
        model = known.get_deprecated_model_names().get(model, model)
    elif scheme == 'mmcls':
        addresses = known.get_mmcls_models()
    else:
        raise CheckpointError(
            f'{name}: weights cannot be read from {scheme}://; download the '
            'file and give its path'
        )
    if model not in addresses:
        near = difflib.get_close_matches(model, addresses, n=1)
        near = f'; did you mean {scheme}://{near[0]}?' if near else ''
        raise CheckpointError(f'{name}: there are no such weights{near}')
    return addresses[model]


def download(url: str, path: Path, name: str) -> None:
    """Fetch a file, whole and as it was published, or not at all.

    Args:
        url: Address of the file.
        path: Where it is put.
        name: What the user calls it, for the message.
    """
    reason = f'{OFFLINE_VARIABLE} is set'
    if not is_offline():
        try:
            with replacing(path) as beside:
                _receive(url, beside)
                check_form(beside)
                check_digest(beside, path.name)
            return
        except UserError as error:
            reason = str(error).split(': ', 1)[-1].split(';')[0]
            reason = f'what comes from there {reason}'
        except (OSError, http.client.HTTPException) as error:
            if getattr(error, 'errno', None) in (
                errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES,
            ):  # fmt: skip
                raise
            refused = isinstance(error, urllib.error.HTTPError)
            reason = str(error if refused else getattr(error, 'reason', error))
    wanted = path.name if name == url else f'{path.name} ({name})'
    raise CheckpointError(
        f'{wanted} is not in {path.parent} and cannot be downloaded from '
        f'{url} ({reason}): get it where there is a network and put it '
        f'there (`{PREPARE}` fetches all weights ahead; {FOLDER_VARIABLE} '
        'names another folder)'
    )


def _receive(url: str, path: Path) -> None:
    from tqdm import tqdm

    with (
        urllib.request.urlopen(url, timeout=TIMEOUT) as answer,
        open(path, 'wb') as file,
    ):
        size = int(answer.headers.get('Content-Length') or 0)
        with tqdm(
            desc=Path(urlparse(url).path).name,
            total=size or None,
            unit='B',
            unit_scale=True,
            delay=2,
        ) as bar:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        if size and file.tell() != size:
            raise http.client.IncompleteRead(b'', size - file.tell())


def check_digest(path: Path, name: str | None = None) -> None:
    """Refuse a file that is not the published one of its name.

    Args:
        path: The file.
        name: Its published name, if the file has another one.
    """
    wanted = DIGEST.search(name or path.name)
    if not wanted:
        return
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if not digest.hexdigest().startswith(wanted[1]):
        raise CheckpointError(
            f'{path}: is not the published file (its SHA-256 begins with '
            f'{digest.hexdigest()[:8]}, not with {wanted[1]}); remove it and '
            'get it again'
        )


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Let one of several processes fetch a file while the others wait."""
    with contextlib.ExitStack() as stack:
        # Not on Windows, and not in a folder that can only be read.
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(f'.{path.name}.lock')
            file = stack.enter_context(open(lock, 'w'))
            stack.callback(lock.unlink, missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remote_weights(config: dict) -> list[str]:
    """The weights that a configuration names by an address or a name."""
    found: list[str] = []

    def look(value: object, key: str = '') -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                look(part, name)
        elif isinstance(value, list | tuple):
            for part in value:
                look(part, key)
        elif (
            key in ('checkpoint', 'pretrained', 'load_from')
            and isinstance(value, str)
            and is_remote(value)
            and value not in found
        ):
            found.append(value)

    look(config)
    return found
