# MobileNetV1-YOLO11m, resolution multiplier 4/7: 352 px.
_base_ = "./yolo11_mnv1_m.py"
rho = 4 / 7
