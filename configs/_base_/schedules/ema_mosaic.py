# What every schedule has: weights averaged (EMA), the last epochs without mosaic.
_base_ = "../default_runtime.py"
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
custom_hooks = [
    dict(
        type="mmyolo.UpdateEMAHook",
        ema_type="mmyolo.ForeachMomentumEMA",
        momentum=0.0001,
        update_buffers=True,
        strict_load=False,
        priority=49,
    ),
    dict(
        type="mmyolo.InnerPipelineSwitchHook",
        switch_epoch="${switch_epoch}",
        switch_pipeline="${train_pipeline_stage2}",
    ),
]
