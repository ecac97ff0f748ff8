# What every config needs to run: registration, scope, hooks, logging.
custom_imports = dict(imports=["mmyolo_mnv1.registration"], allow_failed_imports=False)
default_scope = "mmyolo"

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="mmyolo.SafeCheckpointHook", interval=10, save_best="auto"),
    epoch_seed=dict(type="mmyolo.EpochSeedHook"),
    sync_statistics=dict(type="mmyolo.SyncStatisticsHook"),
    nan_guard=dict(type="mmyolo.NanGuardHook", max_bad_iters=3),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="mmdet.DetVisualizationHook"),
)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
vis_backends = [dict(type="LocalVisBackend")]
visualizer = dict(
    type="mmdet.DetLocalVisualizer", vis_backends=vis_backends, name="visualizer"
)
log_processor = dict(type="LogProcessor", window_size=50, by_epoch=True)
log_level = "INFO"
randomness = dict(seed=0)
resume = False
