# MobileNetV1-YOLO11m from TF-slim's ImageNet weights.
_base_ = ["./yolo11_mnv1_m.py", "./_base_/models/mnv1_in1k.py"]
model = _base_.in1k
