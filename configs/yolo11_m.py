# YOLO11m on COCO at 640: the baseline.
_base_ = [
    "./_base_/models/yolo11.py",
    "./_base_/datasets/coco.py",
    "./_base_/schedules/sgd_500e.py",
]
