# YOLO11 with a MobileNetV1 backbone. Activation, BN epsilon and preprocessing follow
# from `pretrained`; without it the activation is ReLU, as in the paper. For training
# from scratch, backbone.act_cfg = dict(type="SiLU") is more accurate, but slower
# (docs/results.md).
_base_ = "./yolo11.py"
model = dict(
    data_preprocessor=dict(
        mean="${expected.data_preprocessor.mean}",
        std="${expected.data_preprocessor.std}",
    ),
    backbone=dict(
        _delete_=True,
        type="MobileNetV1",
        alpha=1.0,
        norm_cfg=dict(
            type="BN", momentum=0.03, eps="${expected.backbone.norm_cfg.eps}"
        ),
        act_cfg=dict(type="${expected.backbone.act_cfg.type}", inplace=True),
    ),
)
