# Light MobileNetV1-YOLO11 on groceries at 224 px, 15 epochs: size t65,
# about 65 % of YOLO11n's time.
_base_ = "./_base_/yolo11_mnv1_light_groceries.py"
size = "t65"
