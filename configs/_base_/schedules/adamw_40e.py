# Short recipe for small datasets and for fine-tuning: AdamW, 100 iterations of warm-up,
# linear decay, the last epochs without mosaic.
_base_ = "./ema_mosaic.py"
# MMYOLO's own warm-up lasts at least 1,000 iterations, more than such a run has.
max_epochs = 40
close_mosaic_epochs = 5
val_interval = 5

train_cfg = dict(
    by_epoch=True,
    max_epochs="${max_epochs}",
    val_interval="${val_interval}",
)

optim_wrapper = dict(
    type="OptimWrapper",
    clip_grad=dict(max_norm=10.0),
    optimizer=dict(type="AdamW", lr=0.002, weight_decay=0.0005),
    constructor="mmyolo.GroupedOptimWrapperConstructor",
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
# The rate is for one process; with more it grows as the total batch does.
auto_scale_lr = dict(enable=True, base_batch_size="${train_dataloader.batch_size}")
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(
        type="LinearLR",
        start_factor=1.0,
        end_factor=0.01,
        begin=0,
        end="${max_epochs}",
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    logger=dict(interval=5),
    checkpoint=dict(interval=1, max_keep_ckpts=2, save_best="coco/bbox_mAP"),
)
