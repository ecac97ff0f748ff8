"""Steps from a config to a detector: look over, train, test, export, detect."""

import statistics
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmyolo.registry import DATASETS, RUNNERS

from ..analysis.browse_dataset import browse_dataset, split_config
from ..analysis.complexity import count_conv_macs, count_params
from ..config import input_shape, load_config
from ..deploy.export.formats import ExportPlan, export_detector
from ..deploy.runtime.detector import Detector
from ..deploy.runtime.images import read_image
from ..deploy.runtime.predict import predict
from ..engine.launch import train_detector
from .clock import Clock
from .project import Project

SHOWN = 32  # held-out photos to detect in
TIMED = 20  # of them, whose time is measured


def run(project: Project, clock: Clock) -> dict[str, object]:
    """Train the detector of a project, test and export it, detect with it.

    Args:
        project (Project): Names and settings; its config exists.
        clock (Clock): Gets the steps.

    Returns:
        dict[str, object]: See :func:`.command.quickstart`.

    Raises:
        InputError: If the data or a setting cannot be used.
    """
    cfg = load_config(project.config)
    cfg.work_dir = str(project.work_dir)
    print(f"wrote {look_over(cfg, project.work_dir)}: are the boxes on their objects?")
    clock.begin("training")
    checkpoint = train(cfg)
    clock.begin("test")
    cfg = load_config(project.config, {"load_from": str(checkpoint)})
    cfg.work_dir = str(project.work_dir)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a visualizer of the same name
        runner = RUNNERS.build(cfg)
    metrics = runner.test()
    clock.begin("export")
    folder = project.work_dir / "exported"
    cfg = load_config(project.config)
    model = export_detector(cfg, checkpoint, folder, ExportPlan(["onnx"]))["onnx"]
    print(f"wrote {model}")
    clock.begin("detection")
    dataset = runner.test_dataloader.dataset
    count = min(len(dataset), SHOWN)
    photos = [dataset.get_data_info(index)["img_path"] for index in range(count)]
    detector = Detector(model, score_threshold=0.25)
    milliseconds = time_detector(detector, photos)
    predicted = project.work_dir / "predicted"
    print(predict(detector, photos, predicted, ["pictures"]))
    return dict(
        split=Path(cfg.ann_files.test).stem,
        photos=len(dataset),
        mAP=metrics["coco/bbox_mAP"],
        mAP_50=metrics["coco/bbox_mAP_50"],
        params=count_params(runner.model),
        conv_macs=count_conv_macs(runner.model, *input_shape(cfg)),
        ms=milliseconds,
        checkpoint=str(checkpoint),
        model=str(model),
        predicted=str(predicted),
    )


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of boxes that touch the edge
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
    """Measure the median time per photo in ms: letterbox, network and NMS."""
    images = [read_image(photo) for photo in photos[:TIMED]]
    times = []
    for image in [images[0], *images]:
        start = time.perf_counter()
        detector(image)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])
