"""Detectors for the tests of deployment: untrained, but with much to detect."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from skimage import data

from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.deploy.export.config_metadata import build_metadata
from mmyolo_mnv1.deploy.export.network import DetectorNetwork
from mmyolo_mnv1.deploy.runtime.detector import Detections
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise
from mmyolo_mnv1.weights import save_checkpoint

LEAST = 0.05  # scores that count
LOGIT = torch.logit(torch.tensor(LEAST))
CANDIDATES = 280  # priors times classes that reach it in a photo, at most
#: Of the outputs. Untrained networks amplify rounding: at 1 the scores of PyTorch's
#: own single and double precision differ by up to 7e-4 in the m model, and its boxes by
#: 0.04 px, so that rounding decides what NMS drops.
CONTRAST = 0.3
#: Added to the logits of DFL's bins: boxes some strides wide, whose overlaps are few.
SMALL = -torch.arange(16.0).repeat(4)


def photos() -> list[np.ndarray]:
    """Four views of a real photo, of different sizes, BGR."""
    photo = np.ascontiguousarray(data.coffee()[..., ::-1])  # 400 x 600
    half = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return [photo, photo[:, ::-1].copy(), photo[30:, 100:555].copy(), half]


def write_weights(cfg: Config, path: Path, shapes: Sequence[tuple[int, int]]) -> Path:
    """Save weights that find some hundred boxes in the photos."""
    subject = Subject(cfg)
    detector, head = subject.detector, subject.detector.bbox_head.head_module
    preprocessing = build_metadata(cfg, subject.network).preprocessing
    batches = [
        torch.from_numpy(
            normalise(
                [letterbox(photo, shape, preprocessing).image for photo in photos()],
                preprocessing,
            )
        )
        for shape in shapes
    ]
    norms = [m for m in detector.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:  # the statistics of these photos, so that outputs do not explode
        norm.reset_running_stats()
        norm.momentum = None  # plain average
    with torch.no_grad():
        detector.train()
        for images in batches:
            detector(images)
        for level in range(3):
            head.reg_preds[level][2].bias += SMALL
            for branches in (head.cls_preds, head.reg_preds):
                branches[level][2].weight *= CONTRAST
        network = DetectorNetwork(detector)
        best = [network(images)[1].flatten(1).topk(CANDIDATES) for images in batches]
        last = torch.cat([each.values[:, -1] for each in best]).max()
        for level in range(3):
            head.cls_preds[level][2].bias += LOGIT - torch.logit(last)
    save_checkpoint(detector.state_dict(), {}, path)
    return path


def detect_in_pytorch(cfg: Config, weights: Path, images: list) -> list[Detections]:
    """Detect by MMYOLO's own classes: test pipeline, unfused detector, its head."""
    detector = Subject(cfg, weights).detector
    with DefaultScope.overwrite_default_scope("mmyolo"):
        steps = Compose(cfg.test_dataloader.dataset.pipeline[1:])  # the first one loads
    found = []
    for image in images:
        shape = image.shape[:2]
        packed = steps(
            dict(img=image, ori_shape=shape, img_shape=shape, img_id=0, instances=[])
        )
        (sample,) = detector.test_step(pseudo_collate([packed]))
        result = sample.pred_instances.numpy()
        names = tuple(cfg.classes[label] for label in result.labels)
        found.append(Detections(result.bboxes, result.scores, result.labels, names))
    return found


def assert_same(
    found: Detections, expected: Detections, box: float = 0.1, score: float = 1e-3
) -> int:
    """None lost, none added; boxes and scores within bounds.

    Returns:
        int: How many were compared.
    """
    for some, others in ((expected, found), (found, expected)):
        compared = 0
        for corners, value, label in zip(*some[:3], strict=True):
            if value < LEAST + score:
                continue
            rivals = np.flatnonzero(others.labels == label)
            apart = np.abs(others.boxes[rivals] - corners).max(1, initial=0)
            near = rivals[apart <= box]
            assert len(near), f"nothing at {corners} of {label}, score {value}"
            assert np.abs(others.scores[near] - value).min() <= score
            compared += 1
    return compared


def image_files(folder: Path) -> list[Path]:
    """The four photos as files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(4)]
    for path, photo in zip(paths, photos(), strict=True):
        cv2.imwrite(str(path), photo)
    return paths
