# shellcheck shell=sh
# What seems unused here is read by the scripts that source this file:
# shellcheck disable=SC2034
#
# Shared by the run_*.sh: sourced after `set -eu`, it reads the positional
# arguments of the calling script and defines `launch`.
#
# A script sets USAGE and CONFIG (its default) first. Arguments are told apart
# by their form, so their order does not matter: *.py is CONFIG, a whole
# number is GPUS, anything else is CHECKPOINT; from the first option on
# (-...), everything is handed to the Python tool as it is. CONFIG may be the
# name of a configuration alone, without its folder and without .py.
# Sets CONFIG, CHECKPOINT, GPUS (number of processes, 0 = CPU), NAME, WORK_DIR.
#
# PACKAGED is empty in the repository. In a folder that `mmdet-ps new-project`
# made it is where the installed package keeps configs/ and tools/.

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$ROOT" || exit
: "${PACKAGED:=}"

# find_config NAME: sets FILE to the file of a configuration, or to nothing.
find_config() {
    for FILE in "$1" "configs/${1%.py}.py" configs/*/"${1%.py}.py" \
        "$PACKAGED$1" "${PACKAGED}configs"/*/"${1%.py}.py"; do
        case $FILE in
        *.py) [ ! -f "$FILE" ] || return 0 ;;
        esac
    done
    FILE=''
}

CHECKPOINT=''
GPUS=''
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        printf '%s\n' "$USAGE"
        exit 0
        ;;
    -*) break ;;
    *.py) CONFIG=$1 ;;
    '') ;;
    *[!0-9]*)
        FILE=''
        [ -e "$1" ] || find_config "$1"
        if [ -n "$FILE" ]; then CONFIG=$FILE; else CHECKPOINT=$1; fi
        ;;
    *) GPUS=$1 ;;
    esac
    shift
done

if [ -z "${PYTHON:-}" ]; then
    if [ -x .venv/bin/python ]; then
        PYTHON=.venv/bin/python
    else
        PYTHON=python3
    fi
fi

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

find_config "$CONFIG"
[ -n "$FILE" ] || fail "$CONFIG: no such configuration;" \
    "'ls ${PACKAGED}configs/*' lists them"
CONFIG=$FILE

# One start of Python for both questions. To import torch takes seconds, which
# whoever asks for the CPU does not wait for.
FOUND=$("$PYTHON" -c 'if True:
    import sys
    from importlib.util import find_spec
    if not (find_spec("mmdet") and find_spec("torch")):
        sys.exit(1)
    if sys.argv[1] == "0":
        print(0)
    else:
        import torch
        print(torch.cuda.device_count())' \
    "$GPUS" 2>/dev/null) || fail \
    "$PYTHON has no mmdet or torch; 'sh tools/install.sh' makes .venv with them"
GPUS=${GPUS:-$FOUND}
[ "$GPUS" -le "$FOUND" ] || fail \
    "$GPUS GPUs asked for, $FOUND found; give a smaller number, 0 for the CPU"

NAME=$(basename "$CONFIG" .py)
WORK_DIR=${WORK_DIR:-work_dirs/$NAME}
NNODES=${NNODES:-1}

# launch TOOL ARGUMENT...: on the CPU, one GPU, or GPUS processes on each of
# NNODES nodes; a check of what would run takes one.
launch() {
    tool=$PACKAGED$1
    shift
    case " $* " in
    *' --check '*)
        NNODES=1
        [ "$GPUS" -le 1 ] || GPUS=1
        ;;
    esac
    [ "$GPUS" -gt 0 ] || export CUDA_VISIBLE_DEVICES=''
    if [ "$NNODES" -gt 1 ]; then
        "$PYTHON" "${PACKAGED}tools/start_processes.py" --nnodes="$NNODES" \
            --node_rank="${NODE_RANK:?which of the $NNODES nodes this is, from 0}" \
            --master_addr="${MASTER_ADDR:?name of the first node}" \
            --master_port="${MASTER_PORT:-29500}" \
            --nproc_per_node="$((GPUS > 1 ? GPUS : 1))" \
            "$tool" "$@" --launcher pytorch
    elif [ "$GPUS" -gt 1 ]; then
        "$PYTHON" "${PACKAGED}tools/start_processes.py" --standalone \
            --nproc_per_node="$GPUS" "$tool" "$@" --launcher pytorch
    else
        "$PYTHON" "$tool" "$@"
    fi
}
