#!/usr/bin/env bash
# dist_train.sh CONFIG GPUS [argument of train.py …]
# GPUS processes, at most one per GPU, or per core without GPUs. Variables: PYTHON, and
# NNODES NODE_RANK MASTER_ADDR PORT RDZV_TIMEOUT MAX_RESTARTS, which are described in
# mmyolo_mnv1/environment/torchrun.py.
[ $# -ge 2 ] || { echo "usage: $0 CONFIG GPUS [argument of train.py ...]" >&2; exit 2; }
tools=$(dirname "$(readlink -f "$0")")
python=$tools/../.venv/bin/python
[ -x "$python" ] || python=python
PYTHONPATH=$tools/..${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-$python}" \
    -m mmyolo_mnv1.environment.torchrun "$2" "$tools/train.py" "$1" --launcher pytorch "${@:3}"
