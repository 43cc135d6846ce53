#!/usr/bin/env bash
# From a bare machine to a table: installs, renders synthetic data,
# pre-trains, fine-tunes, tests, and writes a report with pictures.
# usage: bash quickstart.sh [--work-dir DIR] [--seed N]
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"
START=$SECONDS
bash tools/install.sh
export PYTHON=$PWD/.venv/bin/python
# Its many processes import the same modules: compiled once, see install.sh.
export PYTHONDONTWRITEBYTECODE=
exec "$PYTHON" tools/quickstart.py --installed-in $((SECONDS - START)) "$@"
