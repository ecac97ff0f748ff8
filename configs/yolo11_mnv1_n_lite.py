# MobileNetV1-YOLO11n, lite: neck and head depthwise separable too.
_base_ = "./yolo11_mnv1_n.py"
model = dict(
    neck=dict(separable=True), bbox_head=dict(head_module=dict(separable=True))
)
