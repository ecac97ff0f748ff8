# MobileNetV1-YOLO11n, width multiplier 0.75.
_base_ = "./yolo11_mnv1_n.py"
model = dict(backbone=dict(alpha=0.75))
