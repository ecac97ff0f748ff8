# The demo: MobileNetV1-YOLO11n, alpha 0.25, on handwritten digits at 192 px.
_base_ = "./_base_/yolo11_small.py"
model = dict(
    scale="n",
    num_classes=10,
    backbone=dict(_delete_=True, type="MobileNetV1", alpha=0.25),
)

img_scale = (192, 192)
max_epochs = 28
stage2_epochs = 6
# No flip: a mirrored digit is another sign.
augment = [t for t in _base_.augment if t["type"] != "mmdet.RandomFlip"]
# Digits of 23 px and more stay legible: zoom less than the 0.5 to 1.5 of photos.
affine = dict(_base_.affine, scaling_ratio_range=(0.8, 1.25))
letterbox = [dict(t, scale=img_scale) for t in _base_.letterbox]
train_pipeline = [
    *_base_.load,
    dict(type="Mosaic", img_scale=img_scale, pad_val=114.0, pre_transform=_base_.load),
    dict(affine, border=(-img_scale[0] // 2, -img_scale[1] // 2)),
    *augment,
]
train_pipeline_stage2 = [*_base_.load, *letterbox, affine, *augment]
load_image, *_, load_boxes, pack = _base_.test_pipeline
test_pipeline = [load_image, *letterbox, load_boxes, pack]

data_root = "data/digits/"
digits = dict(num_train=400, num_val=100)  # what `make demo` makes
metainfo = dict(classes=tuple("0123456789"))
data = dict(data_root=data_root, metainfo=metainfo)
train_dataloader = dict(batch_size=8, dataset=dict(data, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=4)
warm_up, decay = _base_.param_scheduler
param_scheduler = [warm_up, dict(decay, end=max_epochs)]
ema, switch = _base_.custom_hooks
custom_hooks = [
    ema,
    dict(
        switch,
        switch_epoch=max_epochs - stage2_epochs,
        switch_pipeline=train_pipeline_stage2,
    ),
]
