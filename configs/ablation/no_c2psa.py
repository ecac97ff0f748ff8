# yolo11_mnv1_n_bccd, without C2PSA.
_base_ = "../yolo11_mnv1_n_bccd.py"
model = dict(neck=dict(c2psa=False))
