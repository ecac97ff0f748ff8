"""Timing in turn, what is made of it, and the benchmark as a whole."""

import csv
import json

import numpy as np
import pytest

from mmyolo_mnv1.analysis.benchmark import benchmark
from mmyolo_mnv1.analysis.machine import Memory, available_threads, describe_machine
from mmyolo_mnv1.analysis.timing import LatencyPlan, compare_times, spread
from mmyolo_mnv1.deploy.runtime.engines import RunOptions
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import save_checkpoint

pytestmark = pytest.mark.slow


def test_in_turn_after_warm_up():
    order = []

    def run(name):
        order.append(name)
        return len(order)

    plan = LatencyPlan(rounds=3, warmup=2)
    times = plan.time(dict(a=lambda: run("a"), b=lambda: run("b")))
    assert order == ["a", "b"] * 5
    assert times == dict(a=[5, 7, 9], b=[6, 8, 10])


def test_ratios_are_pair_by_pair():
    """A slow round slows both: the ratio of medians would be 20 / 10.5."""
    first, this = [20, 20, 200, 20, 22], [10, 10, 100, 11, 10.5]
    row = compare_times(this, first, batch=4)
    assert row["ratio"] == 2 and row["network_ms"] == 10.5
    assert (row["ratio_low"], row["ratio_high"]) == (2, pytest.approx(2))
    assert row["images_per_second"] == pytest.approx(4000 / 10.5)
    assert row["network_ms_all"] == this
    assert spread("x", [1, 2, 3, 4, 9]) == dict(x=3, x_low=2, x_high=4)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (dict(batch=0), "--batch 0: give 1 or more"),
        (dict(rounds=0), "--rounds 0"),
        (dict(warmup=-1), "--warmup -1: give 0 or more"),
        (dict(run_options=RunOptions("cpu", threads=0)), "--threads 0"),
        (dict(backends=["eager", "tensor"]), "backend 'tensor': choose from"),
    ],
)
def test_refuses_plans(plan, words):
    with pytest.raises(InputError, match=words):
        LatencyPlan(**plan).check()


def test_memory_is_the_peak():
    held = []
    memory = Memory("cpu")
    held.append(np.ones(20_000_000, np.uint8))

    def run():
        np.ones(50_000_000, np.uint8)  # freed at once

    assert memory.peak(run) == pytest.approx(70e6, rel=0.1)
    assert memory.peak(lambda: None) == pytest.approx(20e6, rel=0.2)


def test_machine():
    machine = describe_machine("cpu", threads=2)
    assert machine["threads"] == 2 and machine["cores"] == available_threads()
    assert {"torch", "mmyolo", "mmyolo-mnv1"} <= set(machine["versions"])
    assert machine["cpu"] and machine["command"]


def test_benchmark(root, tmp_path):
    """Two networks, one seven times the other's cost, in processes of their own."""
    files = [tmp_path / f"benchmark.{form}" for form in ("json", "csv", "md")]
    configs = [f"{root}/configs/yolo11_{name}.py" for name in ("s", "mnv1_n_a025")]
    plan = LatencyPlan(rounds=5, warmup=1)
    table = benchmark(configs, plan, dict(img_scale=(256, 256)))
    table.write(files)
    found = json.loads(files[0].read_text())
    assert found["plan"]["rounds"] == 5 and found["plan"]["threads"] == 1
    first, second = found["rows"]
    assert (first["config"], second["config"]) == ("yolo11_s", "yolo11_mnv1_n_a025")
    assert first["ratio"] == first["ratio_low"] == 1
    for row in (first, second):
        times = row["network_ms_all"]
        assert len(times) == 5 and row["network_ms"] == pytest.approx(
            np.median(times), 1e-3
        )
        assert row["input_shape"] == [256, 256] and row["backend"] == "eager"
        assert row["preprocessing_ms"] > 0 and not row["trained"]
        assert row["postprocessing_ms"] > 0 and row["boxes"] >= 0
    pairs = np.divide(first["network_ms_all"], second["network_ms_all"])
    assert second["ratio"] == pytest.approx(np.median(pairs), rel=1e-3)
    # Weights of 38 MB and 8 MB, and the maps.
    assert 38 < first["peak_memory_mb"] < 300
    assert 8 < second["peak_memory_mb"] < first["peak_memory_mb"]
    with files[1].open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["ratio"]) == second["ratio"]
    text = files[2].read_text()
    assert "1 threads" in text and "256 x 256 px, fp32, 5 rounds after 1" in text
    assert f" {second['ratio']:.3f} |" in text.splitlines()[3]


def test_a_process_refuses(root, tmp_path):
    path = tmp_path / "weights.pth"
    save_checkpoint(dict(x=np.float32(1)), {}, path)
    config = root / "configs/yolo11_mnv1_n_digits.py"
    with pytest.raises(InputError, match="^mmyolo-mnv1: .*weights.pth") as error:
        benchmark([config], LatencyPlan(), checkpoints=[path])
    assert "\n" not in str(error.value)
    plan = LatencyPlan(backends=["onnxruntime"])  # exported by a process of its own
    with pytest.raises(InputError, match="^mmyolo-mnv1: .*weights.pth"):
        benchmark([config], plan, checkpoints=[path])
    with pytest.raises(InputError, match="1 checkpoints for 2 configs"):
        benchmark([config, config], LatencyPlan(), checkpoints=[path])
    with pytest.raises(InputError, match="has no model"):
        benchmark([root / "configs/_base_/datasets/coco.py"], LatencyPlan())
