# A short schedule for small data sets: 10 epochs, the first 2 of them warm-up
_base_ = 'adamw_40e.py'

warmup_epochs = 2
max_epochs = 10

train_cfg = dict(max_epochs=max_epochs, val_begin=1, val_interval=2)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-8,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True)
]

# so few iterations need a shorter memory than 0.999
custom_hooks = [dict(type='EMAHook', momentum=0.01, priority='ABOVE_NORMAL')]

auto_scale_lr = dict(enable=False, base_batch_size=8)
