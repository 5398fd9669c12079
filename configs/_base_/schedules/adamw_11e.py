# 11 epochs, the first 7 of them warm-up; the paper says 14
_base_ = 'adamw_14e.py'

warmup_epochs = 7
max_epochs = 11

train_cfg = dict(max_epochs=max_epochs, val_begin=6)

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=5e-4,  # the learning rate: constant, as in adamw_14e.py
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True)
]
