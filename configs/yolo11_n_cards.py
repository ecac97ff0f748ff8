# YOLO11n on playing cards at 320 px.
_base_ = [
    "./_base_/models/yolo11.py",
    "./_base_/datasets/cards.py",
    "./_base_/schedules/adamw_40e.py",
]
model = dict(scale="n")
