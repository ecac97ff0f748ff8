# YOLO11m with a MobileNetV1 backbone on COCO at 640.
_base_ = "./yolo11_m.py"
model = dict(backbone=dict(_delete_=True, type="MobileNetV1", alpha=1.0))
