# yolo11_mnv1_n_bccd, last stage of the backbone: one block instead of two.
_base_ = "../yolo11_mnv1_n_bccd.py"
model = dict(backbone=dict(last_stage=[(1024, 2)]))
