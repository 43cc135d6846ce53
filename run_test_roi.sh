#!/bin/sh
# Stage 3: test ROI-AlignPS (or any other model) on CUHK-SYSU.
set -eu
USAGE='usage: sh run_test_roi.sh [CONFIG] [CHECKPOINT] [GPUS] [options]
Tests CONFIG with CHECKPOINT (default: the newest of the work folder) and
prints the search table of CUHK-SYSU. Options go to tools/test.py. WORK_DIR=
sets the folder of the results, DATA_ROOT= the folder of the datasets.'
CONFIG=configs/roi_alignps/roi-alignps_r50_1xb5-24e_cuhk-sysu.py
. "$(dirname -- "$0")/tools/launch.sh"

RESULTS=$WORK_DIR/results_cuhk-sysu.pkl
case " $*" in
*' --out'*) fail "--out: what is scored is $RESULTS; WORK_DIR= moves it" ;;
esac
launch tools/test.py "$CONFIG" "${CHECKPOINT:-$WORK_DIR}" --work-dir "$WORK_DIR" \
    --out "$RESULTS" "$@"
"$PYTHON" "${PACKAGED}tools/test_results.py" "$RESULTS" \
    --data-root "${DATA_ROOT:-data}/CUHK-SYSU" --json "$WORK_DIR/scores_cuhk-sysu.json"
