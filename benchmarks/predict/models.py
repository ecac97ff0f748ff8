"""Photos and exported models for the comparison of ways to predict."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import torch
from skimage import data

from benchmarks.predict.predict_job import SCORE
from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.deploy.export.config_metadata import build_metadata
from mmyolo_mnv1.deploy.export.formats import ExportPlan, export_detector
from mmyolo_mnv1.deploy.runtime.images import find_images, read_image
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise
from mmyolo_mnv1.weights import load_tensors, save_checkpoint

IMAGES = 10
CANDIDATES = 100  # pairs of prior and class above the score threshold, in the photo


def write_photos(folder: Path) -> Path:
    """Write copies of one photo of 640 x 480 px as JPEG."""
    folder.mkdir()
    photo = cv2.resize(data.rocket()[..., ::-1], (640, 480))
    for number in range(IMAGES):
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return folder


def write_weights(config: str, images: Path, folder: Path) -> Path:
    """Write untrained weights that give NMS candidates in the photo."""
    subject = Subject(load_config(config))
    how = build_metadata(subject.cfg, subject.network).preprocessing
    image = letterbox(read_image(find_images(images)[0]), subject.shape, how).image
    with torch.inference_mode():
        _, scores = subject.network(torch.from_numpy(normalise([image], how)))
    last = scores.flatten().topk(CANDIDATES).values[-1]
    shift = torch.logit(torch.tensor(SCORE)) - torch.logit(last)
    for branch in subject.detector.bbox_head.head_module.cls_preds:
        branch[-1].bias.data += shift
    path = folder / f"{Path(config).stem}.pth"
    save_checkpoint(subject.detector.state_dict(), {}, path)
    return path


def export_ultralytics(weights: Path, scale: str, folder: Path) -> Path:
    """Export a YOLO11 to ONNX by Ultralytics' own exporter.

    Args:
        weights (Path): Checkpoint of our YOLO11.
        scale (str): Its scale.
        folder (Path): Output folder, new.
    """
    from benchmarks.harness.ultralytics_api import YOLO

    state_dict = mmyolo_to_ultralytics(load_tensors(weights))
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)  # Ultralytics writes to the current folder
    try:
        model = YOLO(f"yolo11{scale}.yaml", task="detect")
        model.model.load_state_dict(state_dict, strict=True)
        return folder / model.export(format="onnx", verbose=False)
    finally:
        os.chdir(before)


def export_both(
    configs: Sequence[str], formats: Sequence[str], images: Path, folder: Path
) -> dict[tuple[str, str], dict[str, Path]]:
    """Export detectors in single precision and in INT8.

    Args:
        configs (Sequence[str]): Config files.
        formats (Sequence[str]): Members of :data:`.FORMATS`.
        images (Path): Folder of calibration images.
        folder (Path): Output folder.

    Returns:
        dict[tuple[str, str], dict[str, Path]]: Files by format, by name and precision.
    """
    files = {}
    for config in configs:
        weights = write_weights(config, images, folder)
        for precision, photos in (("fp32", None), ("int8", images)):
            plan = ExportPlan(formats, calibration=photos)
            paths = export_detector(load_config(config), weights, folder, plan)
            files[Path(config).stem, precision] = paths
    return files
