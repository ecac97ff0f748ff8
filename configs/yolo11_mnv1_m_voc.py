# MobileNetV1-YOLO11m on Pascal VOC at 640.
_base_ = [
    "./_base_/models/yolo11.py",
    "./_base_/datasets/voc.py",
    "./_base_/schedules/sgd_500e.py",
]
model = dict(backbone=dict(_delete_=True, type="MobileNetV1", alpha=1.0))
