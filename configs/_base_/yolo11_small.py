# YOLO11 on a small dataset at 320 px, 40 epochs. Children set data, classes, model.
_base_ = [
    "./models/yolo11.py",
    "./datasets/small_320.py",
    "./schedules/adamw_40e.py",
]
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="mmdet.PipelineSwitchHook",
        switch_epoch=_base_.max_epochs - _base_.stage2_epochs,
        switch_pipeline=_base_.train_pipeline_stage2,
    ),
]
