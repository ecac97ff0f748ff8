# MobileNetV1-YOLO11n, alpha 1.0, on blood cells, from TF-slim's ImageNet weights.
_base_ = ["./yolo11_mnv1_n_a100_bccd.py", "./_base_/models/mnv1_in1k.py"]
model = _base_.in1k
