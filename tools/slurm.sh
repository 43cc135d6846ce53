#!/bin/sh
# A run on a cluster with Slurm, one process per GPU:
#   sbatch --nodes=2 --gres=gpu:8 --ntasks-per-node=8 tools/slurm.sh \
#       tools/train.py CONFIG [options]
# Options of sbatch (partition, account, time) come before the script. A job
# that was ended and is put into the queue again goes on where it stopped,
# given --resume. PYTHON= picks the interpreter.
#SBATCH --job-name=mmdet_ps
#SBATCH --output=slurm-%j.out
#SBATCH --open-mode=append
#SBATCH --cpus-per-task=5
#SBATCH --requeue
set -eu

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

[ -n "${SLURM_JOB_ID:-}" ] || fail "not in a job of Slurm: start it by" \
    "'sbatch --gres=gpu:1 tools/slurm.sh tools/train.py CONFIG'"
[ $# -gt 0 ] || fail "nothing to run: name a tool and its options, such as" \
    "'tools/train.py CONFIG --resume'"
[ -f "$1" ] || fail "$1: no such tool; start the job in the folder of mmdet_ps"

if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ ! -x .venv/bin/python ] || PYTHON=.venv/bin/python
fi
if [ -z "${MASTER_ADDR:-}" ]; then
    MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
fi
# Jobs that share a node must not share a port.
MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
export MASTER_ADDR MASTER_PORT

# When a process ends, the others would wait for it: end them.
exec srun --kill-on-bad-exit=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
    "$PYTHON" "$@" --launcher slurm
