# 25 epochs, the first 5 of them warm-up; the paper says 30 and 15
_base_ = 'adamw_40e.py'

warmup_epochs = 5
max_epochs = 25

train_cfg = dict(
    max_epochs=max_epochs, val_begin=13, dynamic_intervals=[(20, 1)])

optim_wrapper = dict(optimizer=dict(lr=2e-4, weight_decay=0.05))

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
