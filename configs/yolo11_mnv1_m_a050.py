# MobileNetV1-YOLO11m, width multiplier 0.50.
_base_ = "./yolo11_mnv1_m.py"
model = dict(backbone=dict(alpha=0.5))
