"""Tests of the latency benchmarks of predict.py and of INT8 models."""

import pytest

from benchmarks.predict.benchmark_int8 import benchmark_int8
from benchmarks.predict.benchmark_predict import benchmark_predict
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.deploy.runtime.engines import RunOptions

PLAN = LatencyPlan(run_options=RunOptions("cpu", threads=1), rounds=2, warmup=0)


@pytest.mark.slow
def test_every_way_has_its_row(ultralytics, root):
    rows = benchmark_predict(str(root / "configs/yolo11_n.py"), PLAN).rows
    ways = [(row["threads"], row["runtime"], row["model"]) for row in rows]
    by = [("Ultralytics predict", "yolo11n"), ("predict.py", "yolo11_n")]
    assert ways == [(threads, *way) for threads in ("default", "equal") for way in by]
    for row in rows:
        assert len(row["all_ms"]) == 2 and min(row["all_ms"]) > row["outside_ms"] > 0
        assert (row["ratio"] == 1) == (row["runtime"] == "Ultralytics predict")


@pytest.mark.slow
def test_every_precision_has_its_row(root):
    names = ["yolo11_n_digits", "yolo11_mnv1_n_digits"]
    configs = [str(root / f"configs/{name}.py") for name in names]
    rows = benchmark_int8(configs, ["onnx", "openvino"], PLAN).rows
    keys = [(row["format"], row["model"], row["precision"]) for row in rows]
    assert keys == [
        (format_, name, precision)
        for format_ in ("onnx", "openvino")
        for name in names
        for precision in ("fp32", "int8")
    ]
    for single, quantised in zip(rows[::2], rows[1::2], strict=True):
        assert single["single"] == 1 and quantised["single"] != 1
        assert quantised["megabytes"] < 0.5 * single["megabytes"]
        assert (single["ratio"] == 1) == (single["model"] == names[0])
        assert len(quantised["network_ms_all"]) == 2
