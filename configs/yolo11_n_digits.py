# YOLO11n on the embedded digits.
_base_ = "./yolo11_mnv1_n_digits.py"
model = dict(backbone=dict(_delete_=True, type="YOLO11CSPDarknet"))
