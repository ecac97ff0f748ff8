# MobileNetV1-YOLO11n, alpha 0.5, on blood cells at 320 px.
_base_ = [
    "./_base_/models/yolo11.py",
    "./_base_/datasets/bccd.py",
    "./_base_/schedules/adamw_40e.py",
]
img_scale = (320, 320)
model = dict(scale="n", backbone=dict(_delete_=True, type="MobileNetV1", alpha=0.5))
