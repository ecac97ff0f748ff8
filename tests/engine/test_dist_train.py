"""Several processes train and test as one does, on CPUs."""

import os
import pickle
import signal
import sys
from pathlib import Path

import pytest
import torch

from mmyolo_mnv1.annotations.digits import make_digits
from mmyolo_mnv1.weights import load_checkpoint
from tests.helpers.small_runs import (
    PLAIN_PIPELINE,
    Launched,
    Training,
    environment,
    free_port,
    last_checkpoint,
    records,
    write_config,
)

pytestmark = pytest.mark.train

#: Without BN, whose statistics are of the images that one process has.
GROUP_NORM = """
norm = dict(norm_cfg=dict(type="GN", num_groups=1))
model = dict(
    backbone=dict(norm_cfg=dict(norm["norm_cfg"], _delete_=True)),
    neck=norm,
    bbox_head=dict(head_module=norm),
)
auto_scale_lr = dict(base_batch_size=8)
optim_wrapper = dict(optimizer=dict(lr=0.1))  # a hundredth of it when warm-up begins
"""


@pytest.fixture(scope="module")
def odd_digits(tmp_path_factory) -> Path:
    """21 images to train, 7 to measure by."""
    out = tmp_path_factory.mktemp("odd") / "digits"
    make_digits(out, num_train=21, num_val=7, size=96)
    return out


@pytest.fixture(scope="module")
def config(odd_digits, tmp_path_factory):
    """Write a config, of a name."""
    folder = tmp_path_factory.mktemp("configs")

    def write(name: str, extra: str = "") -> Path:
        return write_config(folder / f"{name}.py", odd_digits, extra)

    return write


@pytest.fixture(scope="module")
def pair(config, tmp_path_factory) -> Path:
    """Work directory of two processes that trained."""
    work_dir = tmp_path_factory.mktemp("pair")
    Launched("dist_train.sh", config("pair"), 2, "--work-dir", work_dir).finish()
    return work_dir


def weights(work_dir: Path, rank: int = 0) -> str:
    return records(work_dir, rank)[-1]["weights"]


def test_two_processes_end_with_the_same_weights(pair):
    assert weights(pair, 0) == weights(pair, 1)
    first, second = ([r for r in records(pair, rank) if "iter" in r] for rank in (0, 1))
    assert len(first) == len(second) == 9  # 21 images, 2 x 4 an iteration, 3 epochs
    assert [r["loss"] for r in first] != [r["loss"] for r in second]
    assert records(pair)[0]["world"] == 2


def test_mim_trains_the_same(pair, config, tmp_path, python):
    done = python(
        *(Path(sys.executable).with_name("mim"), "train", "mmyolo", config("pair")),
        *("--launcher", "pytorch", "--gpus", 2, "--work-dir", tmp_path / "work"),
        env=environment(OMP_NUM_THREADS=1),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert weights(tmp_path / "work") == weights(pair)


def test_learning_rate_follows_the_total_batch(pair, config, tmp_path):
    training = Training(config("single"), tmp_path / "work")
    assert training.finish() == 0, training.output()[-2000:]
    single, both = records(training.work_dir)[1]["lr"], records(pair)[1]["lr"]
    assert both == pytest.approx(2 * single)
    assert "Scaling the original LR by 1.0" in training.log()
    (log,) = pair.glob("*/*.log")
    assert "batch size is 8. Scaling the original LR by 2.0" in log.read_text()


def test_losses_are_those_of_one_process_with_the_total_batch(digits, tmp_path):
    """GN in place of BN: SyncBN needs a GPU."""
    extra = PLAIN_PIPELINE + GROUP_NORM + "max_epochs, close_mosaic_epochs = 3, 0\n"
    big = extra + "train_dataloader.update(batch_size=8)"
    training = Training(
        write_config(tmp_path / "one.py", digits, big), tmp_path / "one"
    )
    config = write_config(tmp_path / "two.py", digits, extra)
    Launched("dist_train.sh", config, 2, "--work-dir", tmp_path / "two").finish()
    assert training.finish() == 0, training.output()[-2000:]
    one, *ranks = (
        [r["loss"] for r in records(tmp_path / name, rank) if "iter" in r]
        for name, rank in (("one", 0), ("two", 0), ("two", 1))
    )
    both = [sum(losses) / 2 for losses in zip(*ranks, strict=True)]
    assert len(one) == 6 and one[5] < 0.9 * one[0]
    assert both == pytest.approx(one, rel=1e-4)


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory) -> Path:
    """Weights that find some digits, in images that they were trained on."""
    lines = """
max_epochs, close_mosaic_epochs, val_interval = 60, 0, 99
default_hooks["checkpoint"] = dict(interval=99, save_best=None)
"""
    path = config("long", PLAIN_PIPELINE + lines)
    training = Training(path, tmp_path_factory.mktemp("long"))
    assert training.finish() == 0, training.output()[-2000:]
    return last_checkpoint(training.work_dir)


def test_two_processes_measure_as_one(trained, config, tmp_path, root, python):
    """21 images for 2 processes: one of them gets an image twice."""
    data = """
ann_files = dict(test="annotations/train.json")
img_dirs = dict(test="train/")
"""
    output = Launched(
        *("dist_test.sh", config("of_2", data), trained, 2),
        *("--work-dir", tmp_path / "2", "--out", tmp_path / "2.pkl"),
    ).finish()
    done = python(
        *(root / "tools/test.py", config("of_4", data + "val_batch_size = 4"), trained),
        *("--work-dir", tmp_path / "1", "--out", tmp_path / "1.pkl"),
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = measures(done.stdout)
    assert measures(output) == measured and float(measured[1]) > 0
    one, two = (pickle.loads((tmp_path / f"{n}.pkl").read_bytes()) for n in (1, 2))
    assert [p["img_id"] for p in one] == [p["img_id"] for p in two] == [*range(1, 22)]
    for a, b in zip(one, two, strict=True):
        a, b = a["pred_instances"], b["pred_instances"]
        torch.testing.assert_close(a["scores"], b["scores"])


def measures(output: str) -> list[str]:
    """Names and values."""
    (line,) = [x for x in output.splitlines() if "coco/bbox_mAP:" in x]
    return line[line.index("coco/bbox_mAP:") :].split()


def test_two_nodes(pair, config, tmp_path):
    """Two agents on loopback make of one process each what one makes of two."""
    port = free_port()
    variables = dict(NNODES=2, MASTER_ADDR="127.0.0.1", PORT=port, OMP_NUM_THREADS=1)
    nodes = [
        Launched(
            *("dist_train.sh", config("pair"), 1, "--work-dir", tmp_path / "work"),
            **dict(variables, NODE_RANK=rank),
        )
        for rank in (1, 0)
    ]
    for node in nodes:
        node.finish()
    assert weights(tmp_path / "work", 0) == weights(tmp_path / "work", 1)
    assert weights(tmp_path / "work", 0) == weights(pair)


def kill_after_checkpoint(launched: Launched, work_dir: Path) -> None:
    """Kill the second worker when there is a checkpoint."""
    launched.wait_for(lambda: last_checkpoint(work_dir))
    os.kill(records(work_dir, 1)[0]["pid"], signal.SIGKILL)


def test_killed_worker_is_started_again(pair, config, tmp_path):
    """torchrun starts all again, which go on from the last checkpoint."""
    work_dir = tmp_path / "work"
    launched = Launched(
        *("dist_train.sh", config("pair"), 2, "--work-dir", work_dir), MAX_RESTARTS=1
    )
    kill_after_checkpoint(launched, work_dir)
    launched.finish()
    starts = [r["start"] for r in records(work_dir) if "start" in r]
    assert len(starts) == 2 and starts[1] in (3, 6)
    assert weights(work_dir) == weights(pair)


def test_sigterm_to_all(config, tmp_path):
    """What a preempted job gets."""
    work_dir = tmp_path / "work"
    launched = Launched("dist_train.sh", config("pair"), 2, "--work-dir", work_dir)
    launched.wait_for(lambda: len(records(work_dir, 1)) >= 3)
    launched.process.send_signal(signal.SIGTERM)
    launched.finish(143, timeout=60)
    assert last_checkpoint(work_dir).name.startswith("iter_")


#: For configs of COCO.
ON_DIGITS = """
classes, flip_prob = tuple("0123456789"), 0.0
img_dirs = dict(train="train/", val="val/", test="val/")
ann_files = {part: f"annotations/{part}.json" for part in ("train", "val")}
ann_files["test"] = ann_files["val"]
model = dict(scale="n", backbone=dict(alpha=0.25))
default_hooks["checkpoint"] = dict(interval=1, save_best=None)
nominal_batch_size = None
"""


@pytest.mark.slow
def test_shared_out_optimizer(odd_digits, tmp_path):
    """ZeRO: weights as without it, and a checkpoint that has the states of all."""
    ends = {}
    for name, restarts in (("yolo11_mnv1_x_zero", 1), ("yolo11_mnv1_x", 0)):
        config = tmp_path / f"{name}_small.py"
        write_config(config, odd_digits, ON_DIGITS, base=f"{name}.py")
        work_dir = tmp_path / name
        launched = Launched(
            *("dist_train.sh", config, 2, "--work-dir", work_dir),
            MAX_RESTARTS=restarts,
        )
        if restarts:
            kill_after_checkpoint(launched, work_dir)
        launched.finish()
        starts = [r["start"] for r in records(work_dir) if "start" in r]
        assert len(starts) == restarts + 1
        ends[name] = weights(work_dir), weights(work_dir, 1)
    assert len({*ends["yolo11_mnv1_x_zero"], *ends["yolo11_mnv1_x"]}) == 1
    path = last_checkpoint(tmp_path / "yolo11_mnv1_x_zero")
    states = load_checkpoint(path)["optimizer"]
    count = sum(len(group["params"]) for group in states["param_groups"])
    assert len(states["state"]) == count
