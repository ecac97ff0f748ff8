# MobileNetV1-YOLO11m with the paper's ReLU in the backbone: quicker, above all in INT8.
_base_ = "./yolo11_mnv1_m.py"
model = dict(backbone=dict(act_cfg=dict(type="ReLU", inplace=True)))
