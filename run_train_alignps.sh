#!/bin/sh
# Stage 2: fine-tune a person-search model, from stage-1 weights by default.
set -eu
USAGE='usage: sh run_train_alignps.sh [CONFIG] [CHECKPOINT] [GPUS] [options]
Fine-tunes CONFIG; CHECKPOINT are weights to start from in place of those the
configuration names. Options go to tools/train.py. WORK_DIR= sets the output
folder, DATA_ROOT= the folder of the datasets. With --check it tries one batch
and says what would run.'
CONFIG=configs/roi_alignps/roi-alignps_r50_1xb5-24e_pretrain-hybrid_prw.py
. "$(dirname -- "$0")/tools/launch.sh"

[ -z "$CHECKPOINT" ] || set -- --load-from "$CHECKPOINT" "$@"
launch tools/train.py "$CONFIG" --work-dir "$WORK_DIR" "$@"
