# 40 epochs, the first 20 of them warm-up; both count iterations
warmup_epochs = 20
max_epochs = 40  # warm-up included
lr = 1e-4
eta_min = 1e-8  # learning rate at the end

train_cfg = dict(
    type='TADTrainLoop',
    max_epochs='${max_epochs}',
    val_begin=20,
    val_interval=2,
    dynamic_intervals=[(35, 1)])  # after each of the last 7
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr='${lr}', weight_decay=0.025),
    clip_grad=dict(max_norm=1.0),
    constructor='TADOptimWrapperConstructor')

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end='${warmup_epochs}',
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min='${eta_min}',
        begin='${warmup_epochs}',
        end='${max_epochs}',
        convert_to_iter_based=True)
]

# the averaged weights are the ones evaluated; decay 0.999 per iteration
custom_hooks = [dict(type='EMAHook', momentum=0.001, priority='ABOVE_NORMAL')]

# batch size that the learning rate is meant for
auto_scale_lr = dict(enable=False, base_batch_size=2)
