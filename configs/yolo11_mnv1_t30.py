# Light MobileNetV1 detector on COCO at 640, 0.30 times YOLO11n's time.
_base_ = "./yolo11_mnv1_t100.py"
size = "t30"
