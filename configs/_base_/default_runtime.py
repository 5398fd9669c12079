default_scope = 'dyfadet_mm'
custom_imports = dict(imports=['dyfadet_mm'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='TADCheckpointHook',
        interval=1,
        max_keep_ckpts=1,
        # chosen on the data that is reported, as the published code does; its
        # early stop is left out, and the last checkpoint is kept too
        save_best='tad/average_mAP',
        rule='greater'),
    plain_checkpoint=dict(type='PlainCheckpointHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    set_epoch=dict(type='SetEpochHook'),
    settings_check=dict(type='SettingsCheckHook'),
    training_check=dict(type='TrainingCheckHook'),
    finite_check=dict(type='FiniteCheckHook'),
    positives_check=dict(type='PositivesCheckHook'),
    gate_watch=dict(type='GateWatchHook'),
    class_names=dict(type='ClassNamesHook'),
    score_fusion=dict(type='ScoreFusionHook'),
    visualization=dict(type='TADVisualizationHook'))

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)

# for TensorBoard, MLflow and Weights & Biases see docs/logs.md
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='TADVisualizer', vis_backends='${vis_backends}')

log_level = 'INFO'
load_from = None
resume = False
