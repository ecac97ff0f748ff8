# Light MobileNetV1 detector t30 on blood cells at 320 px.
_base_ = "./_base_/yolo11_mnv1_light_bccd.py"
size = "t30"
