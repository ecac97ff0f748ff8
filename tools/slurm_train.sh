#!/usr/bin/env bash
# slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [argument of train.py …]
# One torchrun per node. Variables: as slurm_run.sh and dist_train.sh.
[ $# -ge 4 ] || {
    echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [argument of train.py ...]" >&2
    exit 2
}
tools=$(dirname "$(readlink -f "$0")")
per_node=${GPUS_PER_NODE:-8}
exec "$tools/slurm_run.sh" "$1" "$2" "$tools/dist_train.sh" "$3" \
    $((${GPUS:-8} < per_node ? ${GPUS:-8} : per_node)) --work-dir "$4" "${@:5}"
