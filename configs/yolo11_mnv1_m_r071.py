# MobileNetV1-YOLO11m, resolution multiplier 5/7: 448 px.
_base_ = "./yolo11_mnv1_m.py"
rho = 5 / 7
