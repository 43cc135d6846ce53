"""Make a folder to work in, outside of the repository.

    mmdet-ps new-project DIR
    mmdet-ps new-project DIR --config nae_r50-c4_1xb5-7e_prw

Writes the four run scripts, which run the tools of the installed package, a
configuration to edit with all that it inherits, and a folder for datasets. A
configuration that lies in DIR is taken before the one of the package that is
called alike. Files that are there already are kept.
"""

import argparse
import ast
import os
import shlex
import sys
from pathlib import Path

from mmdet_ps.resources import find_config, root
from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_text

SCRIPTS = (
    'run_train.sh',
    'run_train_alignps.sh',
    'run_test_roi.sh',
    'run_test_roi_prw.sh',
)
CONFIG = 'roi-alignps_r50_1xb5-24e_pretrain-hybrid_prw'
# In both, @PYTHON@ is the interpreter that made the folder.
FIND_PACKAGE = """\
# Finds the installed mmdet_ps. PYTHON= picks the interpreter it is asked of.
if [ -z "${PYTHON:-}" ]; then
    PYTHON=@PYTHON@
    [ -x "$PYTHON" ] || PYTHON=python3
fi
PACKAGED=$("$PYTHON" -c 'if True:
    from mmdet_ps.resources import root
    print(root())' 2>/dev/null) || {
    printf 'error: %s has no mmdet_ps; install it there with pip, or name ' \\
        "$PYTHON" >&2
    printf 'another interpreter: PYTHON=...\\n' >&2
    exit 1
}
PACKAGED=$PACKAGED/
export PYTHON
"""
STUBS = {
    'tools/launch.sh': '# shellcheck shell=sh disable=SC1091\n'
    '# Read by the run_*.sh of this folder.\n'
    + FIND_PACKAGE
    + '. "${PACKAGED}tools/launch.sh"\n',
    'tools/format_epoch_weights_for_pretraining.sh': '#!/bin/sh\n'
    '# Weights to fine-tune from, out of the checkpoints of a pre-training.\n'
    'set -eu\n'
    + FIND_PACKAGE
    + 'exec sh "${PACKAGED}tools/format_epoch_weights_for_pretraining.sh"'
    ' "$@"\n',
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('dir', type=Path, help='folder to write to')
    parser.add_argument(
        '--config',
        default=CONFIG,
        help='configuration to copy (default: %(default)s)',
    )
    return parser.parse_args(argv)


def inherited(config: Path) -> list[Path]:
    """A configuration and all files that it inherits, each once."""
    found: dict[Path, None] = {}

    def follow(path: Path) -> None:
        found[path] = None
        for base in bases_of(path):
            # Those of MMDetection are installed with it.
            if '::' not in base:
                follow((path.parent / base).resolve())

    follow(config.resolve())
    return list(found)


def bases_of(path: Path) -> list[str]:
    """What the line ``_base_ = ...`` of a configuration names."""
    for node in ast.parse(path.read_text()).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == '_base_'
        ):
            bases = ast.literal_eval(node.value)
            return [bases] if isinstance(bases, str) else list(bases)
    return []


def files_of(config: Path) -> dict[str, str]:
    """Every file of a new folder: path within it -> content."""
    files = {name: (root() / name).read_text() for name in SCRIPTS}
    python = shlex.quote(sys.executable)
    for name, text in STUBS.items():
        files[name] = text.replace('@PYTHON@', python)
    folder = root().resolve()
    for path in inherited(config):
        if not path.is_relative_to(folder):
            raise UserError(
                f'{path}: is no configuration of this package; name one of '
                f'{folder / "configs"}'
            )
        files[path.relative_to(folder).as_posix()] = path.read_text()
    return files


def main(argv: list[str] | None = None) -> None:
    """Write what is not there yet, and say what to do next."""
    args = parse_args(argv)
    config = find_config(args.config)
    files = files_of(config)
    kept = [name for name in files if os.path.lexists(args.dir / name)]
    for name, text in files.items():
        if name in kept:
            continue
        path = args.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        if name.endswith('.sh'):
            path.chmod(0o755)
    if not os.path.lexists(args.dir / 'data'):
        (args.dir / 'data').mkdir()
    print(f'{args.dir}: wrote {len(files) - len(kept)} files')
    if kept:
        print(f'kept what was there: {", ".join(kept)}')
    edited = config.resolve().relative_to(root().resolve())
    print(
        f'next: cd {shlex.quote(str(args.dir))}; put or link the datasets '
        f'into data/; `mmdet-ps prepare all data`; edit {edited}; '
        f'`sh run_train_alignps.sh {edited}`'
    )


if __name__ == '__main__':
    run_command(main)
