# YOLO's long recipe from scratch, for a total batch of 128 (8 GPUs x 16).
_base_ = "./ema_mosaic.py"
max_epochs = 500
close_mosaic_epochs = 10
val_interval = 10

train_cfg = dict(
    by_epoch=True,
    max_epochs="${max_epochs}",
    val_interval="${val_interval}",
    dynamic_intervals=[("${switch_epoch}", 1)],
)

# Smaller total batches are collected up to it, as Ultralytics does. YOLO's losses are
# sums over images: the steps of SGD grow with the batch without auto_scale_lr.
nominal_batch_size = 64
optim_wrapper = dict(
    type="OptimWrapper",
    clip_grad=dict(max_norm=10.0),
    optimizer=dict(
        type="SGD",
        lr=0.01,
        momentum=0.937,
        weight_decay=0.0005,
        nesterov=True,
        batch_size_per_gpu="${train_dataloader.batch_size}",
    ),
    constructor="YOLOv5OptimizerConstructor",
)
param_scheduler = None
default_hooks = dict(
    param_scheduler=dict(
        type="YOLOv5ParamSchedulerHook",
        scheduler_type="linear",
        lr_factor=0.01,
        max_epochs="${max_epochs}",
        warmup_mim_iter=100,  # Ultralytics' least; MMYOLO's is 1,000
    )
)
