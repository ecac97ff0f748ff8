# Light MobileNetV1 detector of size t45, trained on groceries at 224 px, 15 epochs.
_base_ = "./_base_/yolo11_mnv1_light_groceries.py"
size = "t45"
