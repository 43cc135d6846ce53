#!/bin/sh
# Make .venv ready to use: the pinned requirements, OpenCV without libGL and
# this project (editable). A second run sees that nothing has changed.
set -eu
USAGE='usage: sh tools/install.sh [--test]
Makes .venv in the repository (an existing one is used) and installs into it
what requirements.txt names and this project. --test adds what the tests need.
PYTHON= picks the interpreter of a new .venv (3.10 or newer).
Indexes, mirrors and proxies are those of pip: see "pip config" and PIP_*.'

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

WITH_TESTS=''
for argument in "$@"; do
    case $argument in
    --test) WITH_TESTS=yes ;;
    -h | --help)
        printf '%s\n' "$USAGE"
        exit 0
        ;;
    *) fail "$argument: no such option; --help lists them" ;;
    esac
done

cd "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
START=$(date +%s)
VENV_PYTHON=.venv/bin/python
STAMP=.venv/installed
TEST_STAMP=.venv/installed-test

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

# The interpreter a new .venv is made of.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.10" \
            "or newer; name one that is, or unset PYTHON"
        return
    fi
    for PYTHON in python3 python python3.13 python3.12 python3.11 python3.10
    do
        ! is_new_enough "$PYTHON" || return 0
    done
    fail 'no Python 3.10 or newer found; install one, or name it: PYTHON=...'
}

make_venv() {
    find_python
    echo "making .venv with $("$PYTHON" --version)"
    "$PYTHON" -m venv .venv >/dev/null 2>&1 && return
    # Debian splits ensurepip off; the pip at hand can do its work.
    { "$PYTHON" -m venv --clear --without-pip .venv &&
        "$PYTHON" -m pip --python "$VENV_PYTHON" install -q pip; } || {
        rm -rf .venv
        fail "$PYTHON cannot make a virtual environment with pip;" \
            'install its venv module (Debian, Ubuntu: apt install python3-venv)'
    }
}

install() {
    "$VENV_PYTHON" -m pip install -qq --no-input --no-compile \
        --disable-pip-version-check "$@" || fail \
        'pip could not install the packages; its message above says why'
}

# mmengine asks for opencv-python, which needs libGL. The headless build of
# the same version owns the same files, so both have to go before it comes.
swap_opencv() {
    version=$("$VENV_PYTHON" -c 'if True:
        from importlib import metadata
        try:
            print(metadata.version("opencv-python"))
        except metadata.PackageNotFoundError:
            pass')
    [ -n "$version" ] || return 0
    "$VENV_PYTHON" -m pip uninstall -qq -y --disable-pip-version-check \
        opencv-python opencv-python-headless
    install --no-deps "opencv-python-headless==$version"
}

# Byte code of what every command imports. Without it each process compiles
# PyTorch's and MMDetection's modules anew, three times the import's time,
# and where PYTHONDONTWRITEBYTECODE is set, as in many images, always.
compile_imports() {
    PYTHONDONTWRITEBYTECODE='' "$VENV_PYTHON" -W ignore -c 'import mmdet.apis
import mmdet_ps.apis, mmdet_ps.datasets, mmdet_ps.engine, mmdet_ps.models' \
        >/dev/null
}

test_requirements() {
    "$VENV_PYTHON" -c 'if True:
        from importlib import metadata
        for line in metadata.requires("mmdet_ps"):
            requirement, _, extra = line.partition(";")
            if "test" in extra:
                print(requirement.replace(" ", ""))'
}

if [ -x "$VENV_PYTHON" ]; then
    is_new_enough "$VENV_PYTHON" || fail \
        '.venv holds a Python that does not start or is older than 3.10;' \
        'remove the folder .venv and run this again'
else
    make_venv
fi

STATE=$(pwd && cat requirements.txt setup.py tools/install.sh | cksum)
if [ "$(cat "$STAMP" 2>/dev/null)" != "$STATE" ]; then
    echo 'installing the requirements (some minutes on a first run)'
    rm -f "$STAMP" "$TEST_STAMP"
    install -r requirements.txt setuptools wheel
    swap_opencv
    install --no-deps --no-build-isolation --editable .
    "$VENV_PYTHON" tools/check_env.py --quiet
    compile_imports
    printf '%s\n' "$STATE" >"$STAMP"
fi
if [ -n "$WITH_TESTS" ] && [ ! -f "$TEST_STAMP" ]; then
    echo 'installing what the tests need'
    # Word splitting is meant: one requirement to a line, none with spaces.
    # shellcheck disable=SC2046
    install $(test_requirements)
    : >"$TEST_STAMP"
fi
echo ".venv is ready after $(($(date +%s) - START)) s"
