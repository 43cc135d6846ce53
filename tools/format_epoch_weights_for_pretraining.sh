#!/bin/sh
# Weights to fine-tune from, out of the checkpoints of a pre-training.
set -eu
USAGE='usage: sh tools/format_epoch_weights_for_pretraining.sh WORK_DIR [EPOCH]
Writes pretrained_backbone.pth, pretrained_neck.pth and pretrained_all.pth
into WORK_DIR, from its last checkpoint or from the one of EPOCH (of an
iteration, if the pre-training counts iterations).'

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

case ${1:-} in
-h | --help)
    printf '%s\n' "$USAGE"
    exit 0
    ;;
esac
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    fail "give WORK_DIR, and EPOCH if it is not the last one;" \
        "'sh tools/format_epoch_weights_for_pretraining.sh --help' says more"
fi
WORK_DIR=${1%/}
EPOCH=${2:-}
ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
[ -d "$WORK_DIR" ] || fail "$WORK_DIR: no such folder;" \
    "'sh run_train.sh' pre-trains and names the folder it wrote to"

if [ -n "$EPOCH" ]; then
    CHECKPOINT=''
    for name in "epoch_$EPOCH.pth" "iter_$EPOCH.pth"; do
        [ ! -f "$WORK_DIR/$name" ] || CHECKPOINT=$WORK_DIR/$name
    done
    [ -n "$CHECKPOINT" ] || fail "$WORK_DIR: neither epoch_$EPOCH.pth nor" \
        "iter_$EPOCH.pth; it holds" "$(cd "$WORK_DIR" && echo *.pth)"
else
    [ -f "$WORK_DIR/last_checkpoint" ] || fail "$WORK_DIR: no checkpoint yet" \
        "(no file last_checkpoint); 'sh run_train.sh' pre-trains"
    # The folder may have been moved since: only the name counts.
    CHECKPOINT=$WORK_DIR/$(basename "$(cat "$WORK_DIR/last_checkpoint")")
    [ -f "$CHECKPOINT" ] || fail "$CHECKPOINT: named by last_checkpoint," \
        "but it is not there; give EPOCH"
fi

if [ -z "${PYTHON:-}" ]; then
    if [ -x "$ROOT/.venv/bin/python" ]; then
        PYTHON=$ROOT/.venv/bin/python
    else
        PYTHON=python3
    fi
fi
# (to import torch would take seconds)
"$PYTHON" -c 'from importlib.util import find_spec
raise SystemExit(not find_spec("torch"))' 2>/dev/null || fail \
    "$PYTHON has no torch; 'sh tools/install.sh' makes .venv with it"

PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH} "$PYTHON" \
    "$ROOT/tools/model_converters/format_pretrained_weights.py" \
    "$CHECKPOINT" "$WORK_DIR/pretrained_{keep}.pth" --keep backbone neck all
echo "next: sh run_train_alignps.sh CONFIG $WORK_DIR/pretrained_all.pth"
