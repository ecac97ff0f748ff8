# MobileNetV1-YOLO11n, resolution multiplier 4/7: 352 px.
_base_ = "./yolo11_mnv1_n.py"
rho = 4 / 7
