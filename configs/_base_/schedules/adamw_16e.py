# 16 epochs, the first 10 of them warm-up; the paper says 14 and 7
_base_ = 'adamw_15e_activitynet.py'

warmup_epochs = 10
max_epochs = 16

train_cfg = dict(max_epochs=max_epochs, val_begin=10)

optim_wrapper = dict(optimizer=dict(weight_decay=0.025))

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=5e-5,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True)
]
