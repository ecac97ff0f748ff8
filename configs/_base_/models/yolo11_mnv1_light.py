# Light MobileNetV1 detectors. The four sizes are named after the inference time as a
# percentage of YOLO11n's (configs/README.md): t30 takes about 30 %. Most of it goes to
# the backbone, which starts from ImageNet weights; neck and head consist of depthwise
# separable blocks with ReLU.
_base_ = "./yolo11_mnv1.py"
size = "t100"
sizes = dict(
    t30=dict(alpha=0.25, out_channels=(256, 256, 256), context=False),
    t45=dict(alpha=0.375, out_channels=(256, 512, 512), context=False),
    t65=dict(alpha=0.5, out_channels=(256, 512, 1024), context=True),
    t100=dict(alpha=0.75, out_channels=(256, 256, 256), context=False),
)
relu = dict(type="ReLU", inplace=True)
model = dict(
    scale="n",
    backbone=dict(alpha="${sizes.${size}.alpha}", divisor=16),
    neck=dict(
        out_channels="${sizes.${size}.out_channels}",
        sppf="${sizes.${size}.context}",
        c2psa="${sizes.${size}.context}",
        csp=False,
        separable=True,
        act_cfg=relu,
    ),
    # 12 bins reach 11 strides on each side: boxes of up to 704 px
    bbox_head=dict(head_module=dict(separable=True, reg_max=12, act_cfg=relu)),
)
