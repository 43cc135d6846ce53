#!/bin/sh
# Stage 1: hybrid pre-training on detection sets and re-ID sets.
set -eu
USAGE='usage: sh run_train.sh [CONFIG] [GPUS] [options of tools/train.py]
Pre-trains a person-search detector on sub-task data. WORK_DIR= sets the
output folder, DATA_ROOT= the folder of the datasets. With --check it tries
one batch and says what would run.'
CONFIG=configs/hybrid_pretrain/hybrid-pretrain_r50_8xb8-90k_six-sources.py
. "$(dirname -- "$0")/tools/launch.sh"

[ -z "$CHECKPOINT" ] || set -- --load-from "$CHECKPOINT" "$@"
launch tools/train.py "$CONFIG" --work-dir "$WORK_DIR" "$@"
case " $* " in
*' --check '*) exit ;;
esac
echo "next: sh tools/format_epoch_weights_for_pretraining.sh $WORK_DIR"
