#!/usr/bin/env bash
# Install into .venv, check style, spelling, types, scripts and documentation,
# and run tests:
# bash run_tests.sh [pytest arguments], e.g. bash run_tests.sh tests/test_ops
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"

sh tools/install.sh --test
# Its many processes import the same modules: compiled once, see install.sh.
export PYTHONDONTWRITEBYTECODE=
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/codespell
.venv/bin/mypy
.venv/bin/shellcheck --external-sources ./*.sh tools/*.sh .ci/run
.venv/bin/hadolint Dockerfile
# Pages, links, anchors and formulas. With --quiet it would overlook warnings;
# the variable silences a notice about a future MkDocs.
NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
# Not an error: measuring again takes hours.
.venv/bin/python tools/analysis_tools/check_results.py

# One thread to a worker: more would only wait for each other.
export OMP_NUM_THREADS=1
exec .venv/bin/python -m pytest --numprocesses auto --maxprocesses 8 \
    --dist worksteal --durations 25 "$@" </dev/null
