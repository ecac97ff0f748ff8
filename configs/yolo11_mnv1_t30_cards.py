# Light MobileNetV1-YOLO11 on playing cards at 320 px: size t30,
# about 30 % of YOLO11n's time.
_base_ = "./_base_/yolo11_mnv1_light_cards.py"
size = "t30"
