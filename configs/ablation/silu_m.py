# yolo11_mnv1_m with SiLU in the backbone instead of ReLU.
_base_ = "../yolo11_mnv1_m.py"
model = dict(backbone=dict(act_cfg=dict(type="SiLU")))
