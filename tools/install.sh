#!/usr/bin/env bash
# Make .venv with the versions of requirements/constraints.txt; called by `make install`.
# mmcv is compiled once; its wheel stays in a user cache keyed by Python, torch and mmcv.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-python3}
venv=.venv
fail() { echo "install: $*" >&2; exit 1; }

versions=$(sed -n 's/^requires-python = "\(.*\)"/\1/p' pyproject.toml) # ">=3.10,<3.14"
"$python" -c 'import re, sys
oldest, too_new = map(int, re.findall(r"3\.(\d+)", sys.argv[1]))
sys.exit(not oldest <= sys.version_info[1] < too_new)' "$versions" \
    || fail "$python is not Python $versions: make install PYTHON=/path/to/python3.11"
"$python" -c 'import venv, ensurepip' 2>/dev/null \
    || fail "$python has no venv: apt-get install python3-venv"
"$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.isfile(sysconfig.get_path("include") + "/Python.h"))' \
    || fail "$python has no Python.h, which mmcv needs: apt-get install python3-dev"
for tool in gcc g++; do
    command -v "$tool" >/dev/null || fail "$tool not found: apt-get install g++"
done

# An interrupted venv may have a Python without pip.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
export PATH="$PWD/$venv/bin:$PATH"
pip() { "$PWD/$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
pin() { sed -n "s/^$1==//p" requirements/constraints.txt; }

echo "== torch and build tools (about 5 GB on first download)"
pip install -q -r requirements/build.txt

key=$("$venv/bin/python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
key=$key-torch$(pin torch)-mmcv$(pin onedl-mmcv)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mmyolo-mnv1/wheels/$key
wheel=$(ls "$cache"/onedl_mmcv-*.whl 2>/dev/null || true)
if [ -z "$wheel" ]; then
    echo "== compiling mmcv $(pin onedl-mmcv): about 10 minutes on 2 cores, once"
    mkdir -p "$cache"
    build=$(mktemp -d "$cache/build.XXXXXX")
    trap '[ -z "${job:-}" ] || kill -- "-$job" 2>/dev/null || true; rm -rf "$build"' EXIT
    log=$cache/build.log
    # CPU operators only: CUDA's need nvcc, and NMS on a GPU is torchvision's.
    # set -m: a process group, so that the trap ends the compilers too.
    set -m
    env -u FORCE_CUDA CUDA_VISIBLE_DEVICES= CFLAGS=-g0 MMCV_WITH_OPS=1 \
        "$venv/bin/python" -m pip wheel -v --no-deps --no-build-isolation --no-cache-dir \
        "onedl-mmcv==$(pin onedl-mmcv)" -w "$build" >"$log" 2>&1 &
    job=$!
    set +m
    while kill -0 "$job" 2>/dev/null; do
        sleep 5
        step=$(grep -o '^ *\[[0-9]*/[0-9]*\]' "$log" | tail -n 1 | tr -d ' ' || true)
        printf '\r   %4d s  %s  ' "$SECONDS" "${step:-preparing}"
    done
    echo
    wait "$job" || { tail -n 20 "$log"; fail "compiling mmcv failed; log: $log"; }
    job=
    mv "$build"/onedl_mmcv-*.whl "$cache/"
    wheel=$(ls "$cache"/onedl_mmcv-*.whl)
fi

echo "== OpenMMLab and this package"
pip install -q -c requirements/constraints.txt "$wheel"
# Before the extra [mim], so that pip never installs mmyolo with its bound on mmcv.
"$venv/bin/python" -m mmyolo_mnv1.environment.mmyolo_guard
pip install -q --no-build-isolation -c requirements/constraints.txt \
    -r requirements/build.txt -r benchmarks/requirements.txt -e ".[mim,tests,docs]"
if ! "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
    echo "== no libGL on this machine: OpenCV without windows"
    version=$("$venv/bin/python" -c \
        'from importlib.metadata import version; print(version("opencv-python"))')
    # Both own the folder cv2: the headless files win, pip still lists opencv-python.
    pip install -q --no-deps --force-reinstall "opencv-python-headless==$version"
fi
# MIM looks for packages in site-packages only; pip removes the link with the package.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
ln -sfn "$PWD/mmyolo_mnv1" "$site/mmyolo_mnv1"
# And every process reads `_base_ = "mmyolo_mnv1::yolo11_mnv1_m.py"`.
"$venv/bin/python" -m mmyolo_mnv1.environment.config_scope
printf '%s,,\n' mmyolo_mnv1 mmyolo_mnv1_scope.pth >>"$site"/mmyolo_mnv1-*.dist-info/RECORD
pip check
echo "installed; \`make doctor\` checks it"
