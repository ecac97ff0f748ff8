# YOLO11n with a MobileNetV1 backbone on COCO at 640.
_base_ = "./yolo11_mnv1_m.py"
model = dict(scale="n")
