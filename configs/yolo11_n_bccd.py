# YOLO11n on blood cells at 320 px.
_base_ = "./yolo11_mnv1_n_bccd.py"
model = dict(backbone=dict(_delete_=True, type="YOLO11CSPDarknet"))
