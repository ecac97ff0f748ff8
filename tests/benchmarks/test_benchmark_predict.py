"""Ways to predict, timed against each other."""

import pytest

from benchmarks.predict.benchmark_predict import benchmark_predict
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.deploy.runtime.engines import RunOptions


@pytest.mark.slow
def test_every_way_has_its_row(ultralytics, root):
    reference, quantised = "yolo11_n_digits", "yolo11_mnv1_n_digits"
    models = [str(root / f"configs/{name}.py") for name in (reference, quantised)]
    options = RunOptions("cpu", threads=1)
    plan = LatencyPlan(run_options=options, rounds=2, warmup=0)
    detector = str(root / "configs/yolo11_n.py")
    rows = benchmark_predict(detector, models, plan).rows
    ways = [(row["runtime"], row["model"], row["precision"]) for row in rows]
    by_file = [("Ultralytics predict", "yolo11n"), ("predict.py", "yolo11_n")]
    assert ways == [(*one, "fp32") for one in by_file * 2] + [
        (runtime, model, precision)
        for runtime in ("ONNX Runtime", "OpenVINO")
        for model, precision in (
            (reference, "fp32"),
            (quantised, "fp32"),
            (quantised, "int8"),
        )
    ]
    for row in rows:
        assert len(row["all_ms"]) == 2 and min(row["all_ms"]) > 0
        if row["what"] == "network":
            assert (row["ratio"] == 1) == (row["model"] == reference)
    sizes = {one: row["megabytes"] for one, row in zip(ways, rows, strict=True)}
    for runtime in ("ONNX Runtime", "OpenVINO"):
        small, large = (sizes[runtime, quantised, each] for each in ("int8", "fp32"))
        assert small < 0.5 * large
