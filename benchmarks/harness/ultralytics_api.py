"""Ultralytics' classes, imported offline, quiet and without installing packages.

Import this module only in a process that measures Ultralytics, after ``check_peer``:
Ultralytics sets OpenCV's threads when it is imported.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
# Ultralytics writes its settings when it is imported.
os.environ.setdefault("YOLO_CONFIG_DIR", str(ROOT / "work_dirs/ultralytics_settings"))
threads = os.environ.get("OMP_NUM_THREADS")

from ultralytics import YOLO  # noqa: E402
from ultralytics.models.yolo.detect.train import DetectionTrainer  # noqa: E402
from ultralytics.nn.tasks import DetectionModel  # noqa: E402
from ultralytics.utils.nms import non_max_suppression  # noqa: E402
from ultralytics.utils.tal import dist2bbox, make_anchors  # noqa: E402

if threads is None:  # Ultralytics sets it to 1, and child processes inherit it
    os.environ.pop("OMP_NUM_THREADS", None)

__all__ = [
    "YOLO",
    "DetectionModel",
    "DetectionTrainer",
    "dist2bbox",
    "make_anchors",
    "non_max_suppression",
]
