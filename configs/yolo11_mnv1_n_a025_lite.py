# MobileNetV1-YOLO11n, alpha 0.25, lite: neck and head depthwise separable too.
_base_ = "./yolo11_mnv1_n_a025.py"
model = dict(
    neck=dict(separable=True), bbox_head=dict(head_module=dict(separable=True))
)
