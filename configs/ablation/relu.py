# yolo11_mnv1_n_bccd, activations of the backbone: ReLU, the paper's, instead of SiLU.
_base_ = "../yolo11_mnv1_n_bccd.py"
model = dict(backbone=dict(act_cfg=dict(type="ReLU", inplace=True)))
