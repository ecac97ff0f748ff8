# MobileNetV1-YOLO11n, resolution multiplier 6/7: 544 px.
_base_ = "./yolo11_mnv1_n.py"
rho = 6 / 7
