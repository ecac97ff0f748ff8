# MobileNetV1-YOLO11m, resolution multiplier 6/7: 544 px.
_base_ = "./yolo11_mnv1_m.py"
rho = 6 / 7
