# MobileNetV1-YOLO11m, resolution multiplier 0.8: 512 px.
_base_ = "./yolo11_mnv1_m.py"
rho = 0.8
