# YOLO11 with a MobileNetV1 backbone. SiLU as in the rest of YOLO11: trained from
# scratch it is better than the paper's ReLU (docs/results.md). ImageNet weights say
# themselves what they expect (mnv1_in1k.py).
_base_ = "./yolo11.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="MobileNetV1",
        alpha=1.0,
        act_cfg=dict(type="SiLU", inplace=True),
    )
)
