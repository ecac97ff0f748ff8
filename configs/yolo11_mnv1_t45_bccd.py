# Light MobileNetV1 detector of size t45, trained on blood cells at 320 px.
_base_ = "./_base_/yolo11_mnv1_light_bccd.py"
size = "t45"
