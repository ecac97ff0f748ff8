# YOLO11m with a MobileNetV1 backbone on COCO at 640.
_base_ = [
    "./_base_/models/yolo11_mnv1.py",
    "./_base_/datasets/coco.py",
    "./_base_/schedules/sgd_500e.py",
]
