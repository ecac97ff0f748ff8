# YOLO11m on a small dataset at 320 px, 40 epochs, from COCO weights. A child sets
# data_root and classes.
_base_ = [
    "./models/yolo11.py",
    "./datasets/detection.py",
    "./schedules/adamw_40e.py",
]
img_scale = (320, 320)
pretrained = "ultralytics://yolo11${model.scale}.pt"  # None: from scratch
