#!/usr/bin/env bash
# dist_train.sh CONFIG GPUS [argument of train.py …]
# A process a GPU, or a core where there is no GPU. Variables: NNODES NODE_RANK
# MASTER_ADDR PORT RDZV_TIMEOUT MAX_RESTARTS (mmyolo_mnv1/torchrun.py), PYTHON.
[ $# -ge 2 ] || { echo "usage: $0 CONFIG GPUS [argument of train.py ...]" >&2; exit 2; }
tools=$(dirname "$(readlink -f "$0")")
python=$tools/../.venv/bin/python
[ -x "$python" ] || python=python
PYTHONPATH=$tools/..${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-$python}" \
    -m mmyolo_mnv1.torchrun "$2" "$tools/train.py" "$1" --launcher pytorch "${@:3}"
