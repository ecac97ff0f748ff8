# The demo: MobileNetV1-YOLO11n, alpha 0.25, on handwritten digits at 192 px.
_base_ = [
    "./_base_/models/yolo11_mnv1.py",
    "./_base_/datasets/digits.py",
    "./_base_/schedules/adamw_40e.py",
]
img_scale = (192, 192)
max_epochs, close_mosaic_epochs, val_interval = 28, 6, 4
train_dataloader = dict(batch_size=8)
model = dict(scale="n", backbone=dict(alpha=0.25))
