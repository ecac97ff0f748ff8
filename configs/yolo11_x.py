# YOLO11x on COCO at 640.
_base_ = "./yolo11_m.py"
model = dict(scale="x")
