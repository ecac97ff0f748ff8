# YOLO11s on COCO at 640.
_base_ = "./yolo11_m.py"
model = dict(scale="s")
