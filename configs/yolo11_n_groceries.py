# YOLO11n on groceries at 224 px, 15 epochs.
_base_ = [
    "./_base_/models/yolo11.py",
    "./_base_/datasets/groceries.py",
    "./_base_/schedules/adamw_40e.py",
]
model = dict(scale="n")
max_epochs = 15
