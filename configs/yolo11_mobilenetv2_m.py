# YOLO11m with a backbone of MMPreTrain, MobileNetV2: the neck finds its widths itself.
_base_ = "./yolo11_m.py"
model = dict(
    backbone=dict(_delete_=True, type="mmpretrain.MobileNetV2", out_indices=(2, 4, 7))
)
