# yolo11_mnv1_n_bccd_in1k, convolutions padded as TF-slim's: SAME.
_base_ = "../yolo11_mnv1_n_bccd_in1k.py"
model = dict(backbone=dict(conv_cfg=dict(type="Conv2dAdaptivePadding")))
