# MobileNetV1-YOLO11n, resolution multiplier 5/7: 448 px.
_base_ = "./yolo11_mnv1_n.py"
rho = 5 / 7
