# Light MobileNetV1 detector on COCO at 640, as fast as YOLO11n.
_base_ = [
    "./_base_/models/yolo11_mnv1_light.py",
    "./_base_/datasets/coco.py",
    "./_base_/schedules/sgd_500e.py",
]
size = "t100"
