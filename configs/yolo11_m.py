# YOLO11m on COCO at 640: the baseline.
_base_ = [
    "./_base_/models/yolo11.py",
    "./_base_/datasets/coco_640.py",
    "./_base_/schedules/sgd_500e.py",
]
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="mmdet.PipelineSwitchHook",
        switch_epoch=_base_.max_epochs - _base_.stage2_epochs,
        switch_pipeline=_base_.train_pipeline_stage2,
    ),
]
