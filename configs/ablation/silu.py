# yolo11_mnv1_n_bccd with SiLU in the backbone instead of ReLU.
_base_ = "../yolo11_mnv1_n_bccd.py"
model = dict(backbone=dict(act_cfg=dict(type="SiLU")))
