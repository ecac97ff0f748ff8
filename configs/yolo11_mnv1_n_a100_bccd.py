# MobileNetV1-YOLO11n, alpha 1.0, on blood cells at 320 px.
_base_ = "./yolo11_mnv1_n_bccd.py"
model = dict(backbone=dict(alpha=1.0))
