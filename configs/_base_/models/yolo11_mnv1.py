# YOLO11 with a MobileNetV1 backbone. Activation, BN and preprocessing are those of the
# pretrained weights; from scratch ReLU, the paper's. SiLU is better then, and slower
# (docs/results.md): act_cfg=dict(type="SiLU").
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
