"""What cannot be launched ends with one clear line, and does not hang."""

import os
import socket
import subprocess

import pytest

from mmyolo_mnv1.environment.torchrun import torchrun_arguments
from tests.helpers.small_runs import (
    ROOT,
    Launched,
    environment,
    free_port,
    write_config,
)

pytestmark = pytest.mark.train

VARIABLES = ("NNODES", "NODE_RANK", "MASTER_ADDR", "PORT", "MAX_RESTARTS")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config(digits, tmp_path):
    return write_config(tmp_path / "run.py", digits)


def line_of(launched: Launched) -> str:
    """The one line of a launch that fails, within a minute."""
    output = launched.finish(1, timeout=60)
    assert "Traceback" not in output
    (line,) = [x for x in output.splitlines() if x.startswith("mmyolo-mnv1: ")]
    return line


@pytest.mark.parametrize(
    ("gpus", "variables", "words"),
    [
        (1, dict(NNODES=2, MASTER_ADDR="127.0.0.1", NODE_RANK=2), "NODE_RANK is 2 and"),
        (1, dict(NODE_RANK="first"), "NODE_RANK is 'first'"),
        (1, dict(NNODES=0), "NNODES is '0'"),
        (1, dict(NNODES=2), "MASTER_ADDR is not set"),
        (1, dict(NNODES=2, MASTER_ADDR="no.such.host.invalid"), "cannot be reached"),
        (4096, {}, "GPUS is 4096 and there are"),
        ("two", {}, "GPUS is 'two'"),
        (1, dict(MAX_RESTARTS=-1), "MAX_RESTARTS is '-1'"),
    ],
)
def test_variables(config, gpus, variables, words):
    assert words in line_of(Launched("dist_train.sh", config, gpus, **variables))


def test_port_in_use(config):
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        line = line_of(Launched("dist_train.sh", config, 1, PORT=port))
    assert f"PORT {port} cannot be used (Address already in use)" in line


@pytest.mark.parametrize("rank", [0, 1])
def test_other_node_does_not_come(config, rank):
    """As with two nodes of one rank on two machines."""
    launched = Launched(
        *("dist_train.sh", config, 1),
        **dict(NNODES=2, MASTER_ADDR="127.0.0.1", PORT=free_port(), NODE_RANK=rank),
        RDZV_TIMEOUT=5,
    )
    assert "the nodes did not meet" in line_of(launched)


def test_configs_of_two_nodes_differ(config, tmp_path):
    variables = dict(NNODES=2, MASTER_ADDR="127.0.0.1", PORT=free_port())
    nodes = [
        Launched(
            *("dist_train.sh", config, 1, "--work-dir", tmp_path / "work"),
            *("--cfg-options", f"optim_wrapper.optimizer.lr={lr}"),
            **dict(variables, NODE_RANK=rank),
        )
        for rank, lr in ((0, 0.1), (1, 0.2))
    ]
    for node in nodes:
        assert "optim_wrapper.optimizer.lr is 0.1 and 0.2" in line_of(node)


def test_bad_config_is_told_once(config):
    """Not by each process."""
    options = ("--cfg-options", "model.scale=z")
    line = line_of(Launched("dist_train.sh", config, 2, *options))
    assert "scale is 'z'" in line


def test_launcher_without_torchrun(config, python):
    arguments = config, "--launcher", "pytorch"
    done = python(ROOT / "tools/train.py", *arguments, env=environment())
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "--launcher pytorch: RANK is not set: start by tools/dist_train.sh" in last


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("dist_train.sh", "CONFIG GPUS"),
        ("dist_test.sh", "CONFIG CHECKPOINT GPUS"),
        ("slurm_train.sh", "PARTITION JOB_NAME CONFIG WORK_DIR"),
        ("slurm_test.sh", "PARTITION JOB_NAME CONFIG CHECKPOINT"),
    ],
)
def test_usage(script, words):
    done = subprocess.run(
        ["bash", ROOT / "tools" / script, "x"], capture_output=True, text=True
    )
    assert done.returncode == 2 and words in done.stderr


def test_a_machine_alone_takes_any_port():
    first, second = (torchrun_arguments("1", "train.py", []) for _ in range(2))
    assert "--rdzv-endpoint=127.0.0.1:0" in first
    assert first != second  # jobs of their own


SRUN = """#!/usr/bin/env bash
# Stands for Slurm: runs the command as node 1 of 2.
while [[ $1 == --* ]]; do echo "$1" >>"$SRUN_LOG"; shift; done
SLURM_NNODES=2 SLURM_NODEID=1 SLURM_JOB_ID=20005 SLURM_JOB_NODELIST='n[1-2]' exec "$@"
"""
SHOW = """#!/usr/bin/env bash
echo "$NNODES $NODE_RANK $MASTER_ADDR $PORT"; printf '%s\\n' "$@"
"""


@pytest.mark.parametrize("script", ["slurm_train.sh", "slurm_test.sh"])
def test_slurm_starts_torchrun_on_each_node(tmp_path, script):
    programs = dict(
        srun=SRUN, scontrol="#!/bin/sh\necho n1\necho n2\n", python_stub=SHOW
    )
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / "tools" / script, "gpu", "job", "c.py", "there", "--amp"],
        env=dict(
            os.environ,
            PATH=f"{tmp_path}:{os.environ['PATH']}",
            PYTHON=str(tmp_path / "python_stub"),
            SRUN_LOG=str(tmp_path / "log"),
            **dict(GPUS="12", GPUS_PER_NODE="6", SRUN_ARGS="--time=1 --quiet"),
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    variables, *command = done.stdout.splitlines()
    assert variables == "2 1 n1 20005"
    assert command[:3] == ["-m", "mmyolo_mnv1.environment.torchrun", "6"]
    assert command[4] == "c.py" and command[-1] == "--amp" and "there" in command
    options = (tmp_path / "log").read_text().split()
    assert {"--partition=gpu", "--nodes=2", "--ntasks-per-node=1"} <= {*options}
    assert {"--gres=gpu:6", "--cpus-per-task=30", "--time=1", "--quiet"} <= {*options}
