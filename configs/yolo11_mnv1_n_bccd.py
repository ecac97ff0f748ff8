# MobileNetV1-YOLO11n, alpha 0.5, on blood cells at 320 px.
_base_ = [
    "./_base_/models/yolo11_mnv1.py",
    "./_base_/datasets/bccd.py",
    "./_base_/schedules/adamw_40e.py",
]
model = dict(scale="n", backbone=dict(alpha=0.5))
