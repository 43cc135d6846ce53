#!/bin/sh
# Stage 3: test ROI-AlignPS (or any other model) on PRW.
set -eu
USAGE='usage: sh run_test_roi_prw.sh [CONFIG] [CHECKPOINT] [GPUS] [options]
Tests CONFIG with CHECKPOINT (default: the newest of the work folder) and
prints the search table of PRW. Options go to tools/test.py. WORK_DIR=
sets the folder of the results, DATA_ROOT= the folder of the datasets.'
CONFIG=configs/roi_alignps/roi-alignps_r50_1xb5-24e_prw.py
. "$(dirname -- "$0")/tools/launch.sh"

RESULTS=$WORK_DIR/results_prw.pkl
case " $*" in
*' --out'*) fail "--out: what is scored is $RESULTS; WORK_DIR= moves it" ;;
esac
launch tools/test.py "$CONFIG" "${CHECKPOINT:-$WORK_DIR}" --work-dir "$WORK_DIR" \
    --out "$RESULTS" "$@"
"$PYTHON" "${PACKAGED}tools/test_results_prw.py" "$RESULTS" \
    --data-root "${DATA_ROOT:-data}/PRW" --protocol all --json "$WORK_DIR/scores_prw.json"
