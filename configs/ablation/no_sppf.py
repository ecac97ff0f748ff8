# yolo11_mnv1_n_bccd, without SPPF.
_base_ = "../yolo11_mnv1_n_bccd.py"
model = dict(neck=dict(sppf=False))
