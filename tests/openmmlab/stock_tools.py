"""What each stock tool should do with our configs, and the outcome in a line.

``python stock_tools.py ROOT DIGITS OUT`` tries them on the checkout ROOT and writes the
outcomes to OUT; ``before.json`` is that of commit c076adb.
"""

import json
import os
import pickle
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import cv2
import mmdet
import mmyolo
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmengine.config import Config

from tests.openmmlab.workbench import (
    BATCH,
    BLANK,
    CLASSES,
    EPOCHS,
    FOR,
    MISTAKEN,
    RHO,
    SIDE,
    SMALL_SIDE,
    Workbench,
    fresh_process,
)

Check = Callable[[Workbench], str]
#: Checks by the tool's name; each returns its outcome.
TOOLS: dict[str, Check] = {}
#: Option by which MMDetection's tool finds a pipeline that only loads.
LOADING = "train_dataloader.dataset.pipeline=${test_pipeline}"


def tool(name: str) -> Callable[[Check], Check]:
    """Register a check under the name of its tool."""

    def register(check: Check) -> Check:
        TOOLS[name] = check
        return check

    return register


def same_detections(found, expected) -> int:
    """Compare two InstanceData; returns the number of boxes."""
    assert len(found) == len(expected) > 0
    for name in ("bboxes", "scores"):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-4)
    assert (found.labels == expected.labels).all()
    return len(found)


def expected_detections(bench: Workbench):
    """Detections of the first test image, by MMYOLO's ``test.py``."""
    from mmengine.structures import InstanceData

    return InstanceData(**bench.predictions[0]["pred_instances"])


def infer(bench: Workbench, **kwargs) -> int:
    """Detect in the first test image; returns the number of boxes."""
    with fresh_process(bench.folder):
        inferencer = DetInferencer(device="cpu", show_progress=False, **kwargs)
        result = inferencer(
            str(bench.image), return_datasamples=True, out_dir="inferencer"
        )
    assert inferencer.model.dataset_meta["classes"] == tuple("0123456789")
    assert (bench.folder / "inferencer/vis" / bench.image.name).is_file()
    (sample,) = result["predictions"]
    return same_detections(sample.pred_instances, expected_detections(bench))


@tool("MMYOLO `train.py`")
def train(bench: Workbench) -> str:
    log = bench.log
    assert [row["epoch"] for row in log if "loss" in row] == [1, 1, 2, 2]
    assert all(np.isfinite(row["loss"]) for row in log if "loss" in row)
    assert "coco/bbox_mAP" in log[-1]
    meta = torch.load(bench.checkpoint, weights_only=False)["meta"]
    assert meta["dataset_meta"]["classes"] == tuple("0123456789")
    return f"{EPOCHS} epochs with validation, checkpoints of {CLASSES} classes"


@tool("MMYOLO `train.py --cfg-options`")
def train_options(bench: Workbench) -> str:
    path = bench.folder / "options"
    options = ("max_epochs=1", RHO, "val_interval=9")
    args = (bench.config, "--work-dir", path, "--cfg-options", *options)
    bench.run(mmyolo, "train.py", *args)
    assert (path / "last_checkpoint").read_text().endswith("epoch_1.pth")
    cfg = Config.fromfile(path / "small.py")
    assert cfg.train_pipeline[1].img_scale == (SMALL_SIDE, SMALL_SIDE)
    assert cfg.param_scheduler[1].end == 1
    return f"`max_epochs=1 {RHO}`: 1 epoch at {SMALL_SIDE} px"


@tool("MMYOLO `test.py`")
def test(bench: Workbench) -> str:
    predictions = bench.predictions
    assert [p["img_id"] for p in predictions] == sorted(bench.boxes())
    assert all(p["img_shape"][:2] == (SIDE, SIDE) for p in predictions)
    (path,) = (bench.folder / "test").glob("*/2*.json")
    measured = json.loads(path.read_text())["coco/bbox_mAP"]
    assert measured == bench.log[-1]["coco/bbox_mAP"]  # that of the last validation
    out, args = bench.folder / "half", (bench.config, bench.checkpoint)
    args += ("--work-dir", out, "--json-prefix", out / "boxes", "--cfg-options", RHO)
    bench.run(mmyolo, "test.py", *args)
    rows = json.loads((out / "boxes.bbox.json").read_text())
    assert {row["image_id"] for row in rows} <= set(bench.boxes())
    assert {row["category_id"] for row in rows} <= set(range(1, CLASSES + 1))
    return f"mAP of the last validation, predictions of {len(predictions)} images"


@tool("MMDetection `train.py`")
def mmdet_train(bench: Workbench) -> str:
    path = bench.folder / "mmdet"
    options = ("max_epochs=1", "val_interval=9")
    args = (bench.config, "--work-dir", path, "--cfg-options", *options)
    bench.run(mmdet, "train.py", *args)
    assert (path / "last_checkpoint").read_text().endswith("epoch_1.pth")
    return "`max_epochs=1`: 1 epoch"


@tool("MMDetection `test.py`")
def mmdet_test(bench: Workbench) -> str:
    out = bench.folder / "mmdet_test.pkl"
    args = (bench.config, bench.checkpoint, "--work-dir", bench.folder / "mmdet_test")
    bench.run(mmdet, "test.py", *args, "--out", out)
    predictions = pickle.loads(out.read_bytes())
    for mine, expected in zip(predictions, bench.predictions, strict=True):
        for name, value in mine["pred_instances"].items():
            torch.testing.assert_close(value, expected["pred_instances"][name])
    return "the predictions of MMYOLO's"


@tool("`DetInferencer(config, checkpoint)`")
def inferencer(bench: Workbench) -> str:
    found = infer(bench, model=str(bench.config), weights=str(bench.checkpoint))
    return f"the {found} boxes of `test.py`, drawn"


@tool("`DetInferencer(weights=checkpoint)`")
def inferencer_alone(bench: Workbench) -> str:
    found = infer(bench, weights=str(bench.checkpoint))
    return f"the {found} boxes of `test.py`, drawn"


@tool("`init_detector`, `inference_detector`")
def detector(bench: Workbench) -> str:
    with fresh_process(bench.folder):
        args = dict(device="cpu", cfg_options=dict(rho=0.67))
        small = init_detector(str(bench.config), str(bench.checkpoint), **args)
        assert small.cfg.input_scale == (SMALL_SIDE, SMALL_SIDE)
        model = init_detector(str(bench.config), str(bench.checkpoint), device="cpu")
        sample = inference_detector(model, str(bench.image))
        array = inference_detector(model, cv2.imread(str(bench.image)))
    expected = expected_detections(bench)
    same_detections(array.pred_instances, expected)
    return f"the {same_detections(sample.pred_instances, expected)} boxes of `test.py`"


def flops(text: str) -> tuple[str, str, str]:
    """Input shape, operations and parameters that ``get_flops.py`` prints."""
    return re.search(
        r"Input shape: (.*)\n(?:Model )?Flops: (.*)\n(?:Model )?Param\w*: (.*)", text
    ).groups()


@tool("MMYOLO `get_flops.py`")
def get_flops(bench: Workbench) -> str:
    script = "analysis_tools/get_flops.py"
    args = (bench.config, "--shape", SIDE)
    shape, count, params = flops(bench.run(mmyolo, script, *args))
    two = "classes=('a','b')"
    _, less, fewer = flops(bench.run(mmyolo, script, *args, "--cfg-options", two))
    assert re.findall(r"\d+", shape) == [str(SIDE)] * 2
    saved = torch.load(bench.checkpoint, weights_only=False)["state_dict"]
    names = [n for n in saved if not re.search("running|num_batches|mean|std", n)]
    size = sum(saved[name].numel() for name in names) / 1e6
    shown = f"{params} parameters"
    assert float(params[:-1]) == pytest.approx(size, rel=1e-3), (
        f"{shown}, and the checkpoint has {size:.4g}M"
    )
    assert float(fewer[:-1]) < float(params[:-1])
    assert float(less[:-1]) < float(count[:-1])
    return f"{shown}, {fewer} with 2 classes"


@tool("MMDetection `get_flops.py`")
def mmdet_get_flops(bench: Workbench) -> str:
    args = (bench.config, "--num-images", 2)
    _, count, params = flops(bench.run(mmdet, "analysis_tools/get_flops.py", *args))
    args = (bench.config, "--shape", SIDE)
    theirs = flops(bench.run(mmyolo, "analysis_tools/get_flops.py", *args))
    assert (count, params) == theirs[1:]
    return f"as MMYOLO's, {params} parameters"


def browse(mode: str) -> Check:
    def check(bench: Workbench) -> str:
        sizes = {}
        for phase in ("train", "val"):
            out = bench.folder / f"browse-{mode}-{phase}"
            args = (bench.config, "--mode", mode, "--phase", phase, "-n", 2)
            args += ("--out-dir", out, "--not-show", "--cfg-options", RHO)
            bench.run(mmyolo, "analysis_tools/browse_dataset.py", *args)
            drawn = [cv2.imread(str(path)) for path in sorted(out.iterdir())]
            assert len(drawn) == 2 and all(image.std() > 10 for image in drawn)
            sizes[phase] = drawn[0].shape[:2]
        small = (SMALL_SIDE, SMALL_SIDE)
        if mode == "pipeline":
            assert all(w > 2 * h for h, w in sizes.values())
            return "each step of the training and test pipeline"
        assert sizes["train"] == small
        assert sizes["val"] == ((SIDE, SIDE) if mode == "original" else small)
        return f"pictures, at {SMALL_SIDE} px with `{RHO}`"

    return check


for mode in ("original", "transformed", "pipeline"):
    tool(f"MMYOLO `browse_dataset.py --mode {mode}`")(browse(mode))


@tool("MMYOLO `browse_dataset_simple.py`")
def browse_simple(bench: Workbench) -> str:
    return browse_all(bench, mmyolo, "analysis_tools/browse_dataset_simple.py")


@tool("MMDetection `browse_dataset.py`")
def mmdet_browse(bench: Workbench) -> str:
    return browse_all(bench, mmdet, "analysis_tools/browse_dataset.py")


def browse_all(bench: Workbench, package, script: str) -> str:
    out = bench.folder / f"{package.__name__}-browse"
    args = (bench.config, "--not-show", "--output-dir", out, "--cfg-options", RHO)
    bench.run(package, script, *args)
    drawn = [cv2.imread(str(path)) for path in out.iterdir()]
    assert len(drawn) == len(bench.truth("train")["images"])
    assert all(image.shape[:2] == (SMALL_SIDE, SMALL_SIDE) for image in drawn)
    return f"{len(drawn)} pictures, at {SMALL_SIDE} px with `{RHO}`"


@tool("MMYOLO `dataset_analysis.py`")
def dataset_analysis(bench: Workbench) -> str:
    for split, more in (("train", ()), ("val", ("--val-dataset",))):
        out = bench.folder / f"analysis-{split}"
        args = (bench.config, "--out-dir", out, *more)
        printed = bench.run(mmyolo, "analysis_tools/dataset_analysis.py", *args)
        table = re.findall(r"^\| (\d)\s+\| (\d+)\s+\|$", printed, re.M)
        boxes = bench.boxes(split).values()
        counts = Counter(label for each in boxes for label, _ in each)
        assert {int(n): int(c) for n, c in table} == {
            label: counts[label] for label in range(CLASSES)
        }
        assert len(list(out.glob("*.jpg"))) == 4
    return "counts of the annotation file, 4 figures"


@tool("MMYOLO `vis_scheduler.py`")
def vis_scheduler(bench: Workbench) -> str:
    out = bench.folder / "scheduler"
    args = (bench.config, "--not-show", "--out-dir", out)
    script = "analysis_tools/vis_scheduler.py"
    bench.run(mmyolo, script, *args)
    (line,) = pyplot.gcf().axes[0].lines
    rates = [row["lr"] for row in bench.log if "loss" in row]
    np.testing.assert_allclose(line.get_ydata(), rates, rtol=1e-5)
    bench.run(mmyolo, script, *args, "--cfg-options", "max_epochs=5")
    (line,) = pyplot.gcf().axes[0].lines
    images = len(bench.truth("train")["images"])
    assert len(line.get_ydata()) == 5 * images // BATCH
    assert len(list(out.glob("*.jpg"))) == 1
    return "the learning rates of the training log; `max_epochs` has effect"


def print_config_of(package) -> Check:
    def check(bench: Workbench) -> str:
        options = ("--cfg-options", RHO, "classes=('cat','dog')")
        printed = bench.run(package, "misc/print_config.py", bench.config, *options)
        values: dict = {}
        exec(printed.partition("Config:\n")[2], values)
        assert values["input_scale"] == (SMALL_SIDE, SMALL_SIDE)
        assert values["model"]["default_num_classes"] == 2
        assert values["test_dataloader"]["dataset"]["metainfo"] == {
            "classes": ("cat", "dog")
        }
        return f"no placeholder left; `{RHO} classes=('cat','dog')` in every place"

    return check


for package, name in ((mmyolo, "MMYOLO"), (mmdet, "MMDetection")):
    tool(f"{name} `print_config.py`")(print_config_of(package))


def confusion_matrix_of(package) -> Check:
    def check(bench: Workbench) -> str:
        out = bench.folder / f"{package.__name__}-confusion"
        script = "analysis_tools/confusion_matrix.py"
        bench.run(package, script, bench.config, bench.known, out)
        assert (out / "confusion_matrix.png").is_file()
        shown = np.asarray(pyplot.gcf().axes[0].images[0].get_array())
        counts = np.zeros((CLASSES + 1, CLASSES + 1))
        for index, (_, boxes) in enumerate(sorted(bench.boxes().items())):
            for label, _ in boxes:
                found = FOR if label == MISTAKEN else label
                if index != BLANK:
                    counts[label, found] += 1
                if index == BLANK or found != label:
                    counts[label, -1] += 1  # "missed", also when mistaken
        rows = counts.sum(1) > 0
        expected = counts[rows] / counts[rows].sum(1, keepdims=True) * 100
        np.testing.assert_allclose(shown[rows], expected, rtol=1e-5)
        return "the matrix of predictions with known errors"

    return check


for package, name in ((mmyolo, "MMYOLO"), (mmdet, "MMDetection")):
    tool(f"{name} `confusion_matrix.py`")(confusion_matrix_of(package))


@tool("MMYOLO `browse_coco_json.py`")
def browse_coco_json(bench: Workbench) -> str:
    args = ("--data-root", bench.digits, "--ann-file", "annotations/val.json")
    args += ("--img-dir", "val", "--wait-time", 0)
    printed = bench.run(mmyolo, "analysis_tools/browse_coco_json.py", *args)
    assert f"Total number of Categories : {CLASSES}\n" in printed
    return "boxes of the annotation file"


@tool("MMDetection `eval_metric.py`")
def eval_metric(bench: Workbench) -> str:
    args = (bench.config, bench.known)
    printed = bench.run(mmdet, "analysis_tools/eval_metric.py", *args)
    measured = float(re.search(r"coco/bbox_mAP'?: (?:\w+\.\w+\()?([\d.]+)", printed)[1])
    expected = np.mean(list(bench.known_precision().values()))
    assert measured == pytest.approx(expected, abs=1e-3)
    return "the mAP of predictions with known errors"


@tool("MMDetection `analyze_results.py`")
def analyze_results(bench: Workbench) -> str:
    out = bench.folder / "analyze"
    args = (bench.config, bench.known, out, "--topk", 2, "--cfg-options", LOADING)
    bench.run(mmdet, "analysis_tools/analyze_results.py", *args)
    expected = {}
    images = {image["id"]: image["file_name"] for image in bench.truth()["images"]}
    for index, (image, boxes) in enumerate(sorted(bench.boxes().items())):
        labels = {label for label, _ in boxes}
        right = len(labels - {MISTAKEN}) if index != BLANK else 0
        expected[Path(images[image]).stem] = right / len(labels)
    for kind, pick in (("bad", min), ("good", max)):
        named = [path.stem.rsplit("_", 1) for path in (out / kind).iterdir()]
        assert len(named) == 2
        for name, value in named:
            assert float(value) == pytest.approx(expected[name], abs=2e-3)
        assert pick(float(v) for _, v in named) == pytest.approx(
            pick(expected.values()), abs=2e-3
        )
    return f"with `--cfg-options '{LOADING}'`: best and worst images"


@tool("MMDetection `coco_error_analysis.py`")
def coco_error_analysis(bench: Workbench) -> str:
    out = bench.folder / "errors"
    args = (bench.known_json, out, "--ann", bench.digits / "annotations/val.json")
    with patch.object(Axes, "fill_between", autospec=True) as drawn:
        bench.run(mmdet, "analysis_tools/coco_error_analysis.py", *args)
    precision = sum(bench.known_precision().values()) / CLASSES
    labels = [call.kwargs["label"] for call in drawn.call_args_list]
    last = labels[-7 * 4 :][:7]  # all classes, all areas
    assert last[:2] == [f"[{precision:.3f}]C75", f"[{precision:.3f}]C50"]
    figures = len(list((out / "bbox").glob("*.png")))
    assert figures == 4 * (CLASSES + 1)
    return f"the AP of predictions with known errors, {figures} figures"


@tool("MMDetection `analyze_logs.py`")
def analyze_logs(bench: Workbench) -> str:
    script, out = "analysis_tools/analyze_logs.py", bench.folder / "curves.png"
    args = (bench.log_file, "--keys", "loss", "bbox_mAP", "--out", out)
    bench.run(mmdet, script, "plot_curve", *args, "--style", "default")
    assert cv2.imread(str(out)).std() > 1
    args = (bench.log_file, "--include-outliers")
    printed = bench.run(mmdet, script, "cal_train_time", *args)
    shown = float(re.search(r"average iter time: ([\d.]+) s/iter", printed)[1])
    times = [row["time"] for row in bench.log if "loss" in row]
    # The tool counts the first iteration of an epoch to the epoch before.
    expected = (np.mean(times[:-1]) + times[-1]) / 2
    assert shown == pytest.approx(expected, abs=1e-3)
    return "with `--style default`: loss and mAP curves, times of the log"


def main(root: str, digits: str, out: str) -> None:
    """Write the outcomes of all tools on a checkout."""
    import mmyolo_mnv1

    where = Path(mmyolo_mnv1.__file__).resolve()
    assert Path(root).resolve() in where.parents, where
    bench = Workbench(Path(root), Path(digits), Path(out).with_suffix(""))
    outcomes = {}
    for name, check in TOOLS.items():
        try:
            outcomes[name] = check(bench)
        except BaseException as e:
            line = (str(e).splitlines() or [""])[0].partition(". ")[0]
            line = textwrap.shorten(line, 80, placeholder=" …")
            outcomes[name] = f"{type(e).__name__}: {line}"
        print(f"{name}: {outcomes[name]}", flush=True)
        Path(out).write_text(json.dumps(outcomes, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    main(*sys.argv[1:])
