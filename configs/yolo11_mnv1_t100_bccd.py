# Light MobileNetV1-YOLO11 on blood cells at 320 px: size t100,
# about 100 % of YOLO11n's time.
_base_ = "./_base_/yolo11_mnv1_light_bccd.py"
size = "t100"
