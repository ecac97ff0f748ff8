# yolo11_mnv1_m, activations of the backbone: SiLU, YOLO11's own, instead of ReLU.
_base_ = "../yolo11_mnv1_m.py"
model = dict(backbone=dict(act_cfg=dict(type="SiLU")))
