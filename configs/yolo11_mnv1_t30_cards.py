# Light MobileNetV1 detector of size t30, trained on playing cards at 320 px.
_base_ = "./_base_/yolo11_mnv1_light_cards.py"
size = "t30"
