#!/usr/bin/env bash
# dist_test.sh CONFIG CHECKPOINT GPUS [argument of test.py …]
# GPUS processes, at most one per GPU, or per core without GPUs. Variables: as
# dist_train.sh.
[ $# -ge 3 ] || {
    echo "usage: $0 CONFIG CHECKPOINT GPUS [argument of test.py ...]" >&2
    exit 2
}
tools=$(dirname "$(readlink -f "$0")")
python=$tools/../.venv/bin/python
[ -x "$python" ] || python=python
PYTHONPATH=$tools/..${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-$python}" \
    -m mmyolo_mnv1.environment.torchrun "$3" "$tools/test.py" "$1" "$2" --launcher pytorch "${@:4}"
