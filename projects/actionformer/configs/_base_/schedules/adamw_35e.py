# 35 epochs, the first 5 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_40e.py'

warmup_epochs = 5
max_epochs = 35

train_cfg = dict(
    max_epochs=max_epochs, val_begin=18, dynamic_intervals=[(30, 1)])

optim_wrapper = dict(optimizer=dict(weight_decay=0.05))

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
