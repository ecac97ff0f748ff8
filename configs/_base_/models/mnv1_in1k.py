# What TF-slim's ImageNet weights of MobileNetV1 expect (docs/weights.md), but for its
# SAME padding: a detector learns as well without, and is faster (docs/results.md). A
# child says model = _base_.in1k, and names the weights if they are others.
weights = "weights/mobilenet_v1_1.0_224_tf_slim.pth"
in1k = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        norm_cfg=dict(type="BN", momentum=0.03, eps=1e-3),
        act_cfg=dict(type="ReLU6", inplace=True),
        init_cfg=dict(type="Pretrained", prefix="backbone.", checkpoint="${weights}"),
    ),
)
