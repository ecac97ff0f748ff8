# MobileNetV1-YOLO11m, alpha 0.50, lite: neck and head depthwise separable too.
_base_ = "./yolo11_mnv1_m_a050.py"
model = dict(
    neck=dict(separable=True), bbox_head=dict(head_module=dict(separable=True))
)
