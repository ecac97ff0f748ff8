"""Formats side by side: rows, reasons of what is missing, the recommendation."""

import json

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.analysis import benchmark_formats
from mmyolo_mnv1.analysis.benchmark_formats import recommend
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export import formats
from mmyolo_mnv1.deploy.export.formats import disk_size
from tests.helpers.deploy_models import write_weights

pytestmark = pytest.mark.slow


@pytest.fixture
def model(root, digits, tmp_path):
    """A small detector of digits: config and weights."""
    base, path = root / "configs/yolo11_mnv1_n_digits.py", tmp_path / "small.py"
    path.write_text(
        f"_base_ = {str(base)!r}\nimg_scale = (64, 64)\ndata_root = {str(digits)!r}\n"
        "model = dict(backbone=dict(alpha=0.25))\n"
    )
    return path, write_weights(load_config(path), tmp_path / "weights.pth", [(64, 64)])


def test_table_and_picture(model, tool, monkeypatch, tmp_path):
    write = benchmark_formats.write_detector

    def write_or_break(cfg, network, out, plan):
        """OpenVINO's file cannot be loaded."""
        if plan.formats == ["openvino"]:
            for name in ("broken.xml", "broken.bin"):
                (out / name).write_bytes(b"no model")
            return dict(openvino=out / "broken.xml")
        return write(cfg, network, out, plan)

    names = ("onnx", "openvino", "ncnn", "torchscript")
    monkeypatch.setattr(benchmark_formats, "FORMATS", names)
    monkeypatch.setattr(benchmark_formats, "write_detector", write_or_break)
    monkeypatch.setattr(benchmark_formats, "PRECISIONS", ("fp32", "int8"))
    monkeypatch.setitem(formats.MODULES, "torchscript", ("no_such_exporter",))
    files = [tmp_path / f"formats{suffix}" for suffix in (".json", ".md", ".png")]
    done = tool(
        *("tools/deploy/benchmark_formats.py", *model, "--models", tmp_path / "out"),
        *("--rounds", 3, "--warmup", 1, "--threads", 1, "--out", *files),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(files[0].read_text())
    rows = {(row["format"], row["precision"]): row for row in document["rows"]}
    assert [key for key in rows if "problem" not in rows[key]] == [
        *(("PyTorch", "fp32"), ("ONNX Runtime", "fp32")),
        *(("ONNX Runtime", "int8"), ("ncnn", "fp32")),
    ]
    assert "--int8 does not go with ncnn" in rows["ncnn", "int8"]["problem"]
    missing = rows["TorchScript", "fp32"]["problem"]
    assert "not installed: pip install no_such_exporter" in missing
    assert "broken.xml is damaged" in rows["OpenVINO", "fp32"]["problem"]
    first = rows["PyTorch", "fp32"]
    for row in [row for row in rows.values() if "lost" in row][1:]:
        path = tmp_path / "out" / row["file"]
        assert row["megabytes"] == disk_size(path) / 1e6
        assert row["lost"] == pytest.approx(100 * (first["mAP"] - row["mAP"]))
        pairs = np.divide(first["photo_network_ms_all"], row["photo_network_ms_all"])
        assert row["photo_ratio"] == pytest.approx(np.median(pairs), rel=1e-2)
    best = [row for row in rows.values() if row.get("file") == document["recommended"]]
    assert document["reason"].startswith(f"Recommended: {best[0]['format']} ")
    page = files[1].read_text()
    assert document["reason"] in page and missing in page and page in done.stdout
    assert cv2.imread(str(files[2])).std() > 10


def row(name, ms, lost, megabytes):
    return dict(
        format=name,
        precision="fp32",
        file=name,
        photo_network_ms=ms,
        lost=lost,
        megabytes=megabytes,
    )


def test_recommends_the_fastest_that_keeps_the_accuracy():
    rows = [
        row("slow", 30.0, 0.0, 1.0),
        row("large", 10.0, 0.5, 9.0),
        row("small", 10.4, 0.9, 3.0),
        row("wrong", 2.0, 1.1, 1.0),
        dict(format="broken", precision="fp32", problem="no such runtime"),
    ]
    best, reason = recommend(rows, max_loss=1.0)
    assert best == "small"
    assert "the smallest of the 2 within 5% of the fastest, of the 3 files" in reason
    assert recommend(rows, max_loss=0.6)[0] == "large"
    assert "the fastest, of the 2 files" in recommend(rows, max_loss=0.6)[1]
    assert recommend(rows, max_loss=2.0)[0] == "wrong"
    best, reason = recommend(rows, max_loss=-1.0)
    assert best is None and reason.startswith("No file is recommended")
