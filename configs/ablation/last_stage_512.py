# yolo11_mnv1_n_bccd, last stage of the backbone: 512 channels instead of 1024.
_base_ = "../yolo11_mnv1_n_bccd.py"
model = dict(backbone=dict(last_stage=[(512, 2), (512, 1)]))
