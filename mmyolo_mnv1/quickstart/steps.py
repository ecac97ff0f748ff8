"""Steps from a config to a detector: look over, train, test, export, detect."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
from mmengine.config import Config
from mmengine.runner import Runner
from mmyolo.registry import DATASETS, RUNNERS

from ..analysis.browse_dataset import browse_dataset, split_config
from ..analysis.complexity import count_conv_macs, count_params
from ..config import input_shape, load_config
from ..deploy.export.formats import ExportPlan, export_detector
from ..deploy.runtime.detector import Detector
from ..deploy.runtime.predict import predict
from ..engine.launch import train_detector
from ..errors import InputError
from ..files import write_json
from .project import Project, prepare

SHOWN = 32  # held-out photos to detect in
TIMED = 20  # of them, whose time is measured


def quickstart(project: Project) -> dict[str, object]:
    """Go from labelled photos to a detector; continue an interrupted call.

    Args:
        project (Project): Names and settings.

    Returns:
        dict[str, object]: Contents of ``summary.json`` in the work directory: mAP (0 to
        1), parameters, MACs, milliseconds per image, paths, seconds of each step.

    Raises:
        InputError: If the data or a setting cannot be used, or the call is interrupted.
    """
    try:
        return _quickstart(project)
    except KeyboardInterrupt:
        raise InputError("interrupted: the same command continues") from None


def _quickstart(project: Project) -> dict[str, object]:
    steps = _Steps()
    steps.begin("data")
    print(prepare(project))
    cfg = load_config(project.config)
    cfg.work_dir = str(project.work_dir)
    print(f"wrote {look_over(cfg, project.work_dir)}: are the boxes on their objects?")
    steps.begin("training")
    checkpoint = train(cfg)
    steps.begin("test")
    cfg = load_config(project.config, {"load_from": str(checkpoint)})
    cfg.work_dir = str(project.work_dir)
    runner = RUNNERS.build(cfg)
    metrics = runner.test()
    steps.begin("export")
    plan = ExportPlan(["onnx"])
    folder = project.work_dir / "exported"
    model = export_detector(load_config(project.config), checkpoint, folder, plan)
    print(f"wrote {model['onnx']}")
    steps.begin("detection")
    photos, split = _held_out(runner, cfg)
    detector = Detector(model["onnx"], score_threshold=0.25)
    milliseconds = time_detector(detector, photos)
    predicted = project.work_dir / "predicted"
    print(predict(detector, photos, predicted, ["pictures"]))
    seconds = steps.end()
    summary = dict(
        split=split,
        photos=len(runner.test_dataloader.dataset),
        mAP=metrics["coco/bbox_mAP"],
        mAP_50=metrics["coco/bbox_mAP_50"],
        params=count_params(runner.model),
        conv_macs=count_conv_macs(runner.model, *input_shape(cfg)),
        ms=milliseconds,
        checkpoint=str(checkpoint),
        model=str(model["onnx"]),
        predicted=str(predicted),
        seconds=seconds,
    )
    write_json(summary, project.work_dir / "summary.json", indent=1)
    return summary


def describe(project: Project, summary: dict) -> str:
    """Summary in lines: figures, where everything is, the equivalent commands."""
    work_dir, config = project.work_dir, project.config
    size = Path(summary["model"]).stat().st_size / 1e6
    mean, half = summary["mAP"], summary["mAP_50"]
    seconds = ", ".join(f"{k} {v:.0f} s" for k, v in summary["seconds"].items())
    return f"""
mAP@[.5:.95] {mean:.3f}, mAP@50 {half:.3f} on {summary["photos"]} photos \
({summary["split"]})
{summary["params"] / 1e6:.2f} M parameters, {summary["conv_macs"] / 1e9:.3f} G conv \
MACs, {size:.1f} MB, {summary["ms"]:.1f} ms per photo (ONNX Runtime)
{seconds}

config       {config}
data         {work_dir}/train_stage2_1.png
training     {work_dir}/curves.png, {work_dir}/detections.png
checkpoint   {summary["checkpoint"]}
detector     {summary["model"]}
detections   {summary["predicted"]}/pictures

The same by hand:
mim train mmyolo_mnv1 {config}
mim test mmyolo_mnv1 {config} -C {summary["checkpoint"]}
python tools/predict.py {summary["model"]} PHOTOS --out {summary["predicted"]}"""


def look_over(cfg: Config, out: Path) -> Path:
    """Check the data of all splits as the training does; draw a grid of inputs.

    Args:
        cfg (Config): Config of the detector.
        out (Path): Folder of the picture.

    Returns:
        Path: The picture, training images without mosaic.

    Raises:
        InputError: If the data cannot be used.
    """
    (path,) = browse_dataset(cfg, out, "train", stage2=True)
    for split in ("val", "test"):
        DATASETS.build(split_config(cfg, split))
    return path


def train(cfg: Config) -> Path:
    """Train, or go on from the last checkpoint; a finished training is kept.

    Returns:
        Path: The best checkpoint, or else the last one.
    """
    work_dir = Path(cfg.work_dir)
    last = work_dir / "last_checkpoint"
    done = Path(last.read_text()).stem if last.is_file() else ""
    if done == f"epoch_{cfg.max_epochs}":
        print(f"{done} is there: the training is complete")
    else:
        train_detector(cfg, resume="auto" if done else None)
    best = sorted(work_dir.glob("best_*.pth"), key=lambda path: path.stat().st_mtime)
    return best[-1] if best else work_dir / Path(last.read_text()).name


def time_detector(detector: Detector, photos: Sequence[str]) -> float:
    """Median milliseconds per photo: letterbox, network and NMS, without reading."""
    images = [cv2.imread(photo) for photo in photos[:TIMED]]
    times = []
    for image in [images[0], *images]:
        start = time.perf_counter()
        detector(image)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def _held_out(runner: Runner, cfg: Config) -> tuple[list[str], str]:
    """Photos of the test set, at most :data:`SHOWN`, and the name of its split."""
    dataset = runner.test_dataloader.dataset
    count = min(len(dataset), SHOWN)
    paths = [dataset.get_data_info(index)["img_path"] for index in range(count)]
    return paths, Path(cfg.ann_files.test).stem


class _Steps:
    """Headings of the steps on the console, and their seconds."""

    def __init__(self) -> None:
        self.times: list[tuple[str, float]] = []

    def begin(self, name: str) -> None:
        print(f"\n== {name}", flush=True)
        self.times.append((name, time.perf_counter()))

    def end(self) -> dict[str, float]:
        ends = [start for _, start in self.times[1:]] + [time.perf_counter()]
        pairs = zip(self.times, ends, strict=True)
        return {name: round(end - start, 1) for (name, start), end in pairs}
