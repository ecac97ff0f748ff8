"""From nothing to a trained, measured detector and its pictures: ``make demo``."""

import statistics
import time
from pathlib import Path

import torch
from mmengine.dataset import pseudo_collate

from .analysis.complexity import count_conv_macs, count_params
from .analysis.pictures import draw_detections, draw_training_curve
from .annotations.digits import make_digits
from .config import input_shape, load_config
from .engine import YOLO11Runner


def run_demo(config: Path, work_dir: Path) -> dict[str, float]:
    """Train on the digits, evaluate on held-out images, write pictures.

    Interrupted and called again, it goes on from the last checkpoint.

    Args:
        config (Path): A config on the digits dataset.
        work_dir (Path): Gets checkpoints, logs, ``detections.png`` and ``curve.png``.

    Returns:
        dict[str, float]: ``mAP``, ``mAP_50`` (0 to 1), ``params``, ``conv_macs`` and
        ``ms_per_image``.
    """
    cfg = load_config(config)
    cfg.work_dir = str(work_dir)
    cfg.resume = True  # from the last checkpoint, if there is one
    if make_digits(Path(cfg.data_root), size=cfg.input_size, **cfg.digits):
        print(f"wrote {cfg.data_root}")
    runner = YOLO11Runner.from_cfg(cfg)
    runner.train()
    metrics = runner.test()
    model, dataset = runner.model, runner.test_dataloader.dataset
    samples, ms_per_image = _predict(model, dataset, count=64)
    classes = dataset.metainfo["classes"]
    draw_detections(samples[:16], classes, work_dir / "detections.png")
    draw_training_curve(work_dir, work_dir / "curve.png")
    return dict(
        mAP=metrics["coco/bbox_mAP"],
        mAP_50=metrics["coco/bbox_mAP_50"],
        params=count_params(model),
        conv_macs=count_conv_macs(model, *input_shape(cfg)),
        ms_per_image=ms_per_image,
    )


@torch.no_grad()
def _predict(model, dataset, count: int) -> tuple[list, float]:
    """Detect in the first ``count`` images, one by one.

    Returns:
        tuple[list, float]: The data samples, and the median time of an image in
        milliseconds: normalisation, network and NMS, without reading the file.
    """
    model.eval()
    samples, times = [], []
    for index in range(min(count, len(dataset))):
        batch = pseudo_collate([dataset[index]])
        start = time.perf_counter()
        samples += model.test_step(batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return samples, statistics.median(times)
