# A light MobileNetV1 detector on a small dataset at 320 px, 40 epochs. A child sets
# data_root, classes and size. It starts from ImageNet weights, narrowed to alpha.
_base_ = [
    "./models/yolo11_mnv1_light.py",
    "./datasets/detection.py",
    "./schedules/adamw_40e.py",
]
img_scale = (320, 320)
pretrained = "timm://mobilenetv1_100.ra4_e3600_r224_in1k"  # None: from scratch
