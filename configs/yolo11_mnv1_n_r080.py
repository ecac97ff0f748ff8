# MobileNetV1-YOLO11n, resolution multiplier 0.8: 512 px.
_base_ = "./yolo11_mnv1_n.py"
rho = 0.8
