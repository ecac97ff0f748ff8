# A light MobileNetV1 detector on a small dataset at 320 px, 40 epochs. A child sets
# data_root, classes and size.
_base_ = [
    "./models/yolo11_mnv1_light.py",
    "./datasets/detection.py",
    "./schedules/adamw_40e.py",
]
img_scale = (320, 320)
