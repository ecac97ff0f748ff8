# MobileNetV1-YOLO11m on Pascal VOC at 640.
_base_ = [
    "./_base_/models/yolo11_mnv1.py",
    "./_base_/datasets/voc.py",
    "./_base_/schedules/sgd_500e.py",
]
