# Light MobileNetV1-YOLO11 on groceries at 224 px, 15 epochs: size t100,
# about 100 % of YOLO11n's time.
_base_ = "./_base_/yolo11_mnv1_light_groceries.py"
size = "t100"
