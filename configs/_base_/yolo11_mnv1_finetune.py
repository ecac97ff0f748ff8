# MobileNetV1-YOLO11m on a small dataset at 320 px, 40 epochs, from ImageNet weights.
# Set data_root and classes in a child config.
_base_ = [
    "./models/yolo11_mnv1.py",
    "./datasets/detection.py",
    "./schedules/adamw_40e.py",
]
img_scale = (320, 320)
pretrained = "timm://mobilenetv1_100.ra4_e3600_r224_in1k"  # None: from scratch
