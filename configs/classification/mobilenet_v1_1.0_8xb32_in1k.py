# MobileNetV1 on ImageNet. The recipe is MMPreTrain's of MobileNetV2
# (mobilenet-v2_8xb32_in1k.py), without weight decay on depthwise filters as in the
# MobileNetV1 paper, section 3.2.
_base_ = "../_base_/default_runtime.py"
default_scope = "mmpretrain"

alpha = 1.0
resolution = 224
model = dict(
    type="ImageClassifier",
    # As the published weights of MobileNetV1: RGB / 127.5 - 1.
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], to_rgb=True
    ),
    backbone=dict(type="MobileNetV1", alpha=alpha, out_indices=(5,)),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="LinearClsHead",
        num_classes=1000,
        in_channels=int(1024 * alpha),
        loss=dict(type="CrossEntropyLoss", loss_weight=1.0),
        topk=(1, 5),
    ),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", scale=resolution, backend="pillow"),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="ResizeEdge", scale=resolution * 8 // 7, edge="short", backend="pillow"),
    dict(type="CenterCrop", crop_size=resolution),
    dict(type="PackInputs"),
]
data = dict(type="ImageNet", data_root="data/imagenet/")
loader = dict(batch_size=32, num_workers=4, persistent_workers=True)
train_dataloader = dict(
    **loader,
    dataset=dict(**data, split="train", pipeline=train_pipeline),
    sampler=dict(type="DefaultSampler", shuffle=True),
)
val_dataloader = dict(
    **loader,
    dataset=dict(**data, split="val", pipeline=test_pipeline),
    sampler=dict(type="DefaultSampler", shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="Accuracy", topk=(1, 5))
test_evaluator = val_evaluator

train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    optimizer=dict(type="SGD", lr=0.045, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(dwconv_decay_mult=0.0),
)
param_scheduler = dict(type="StepLR", by_epoch=True, step_size=1, gamma=0.98)
auto_scale_lr = dict(base_batch_size=256)

default_hooks = dict(visualization=dict(type="VisualizationHook"))
visualizer = dict(type="UniversalVisualizer")
