# 60 epochs, the first 20 of them warm-up. The paper says 40 for all features
# of THUMOS14; the published yaml of VideoMAE V2 says 60
_base_ = 'adamw_40e.py'

warmup_epochs = 20
max_epochs = 60

train_cfg = dict(
    max_epochs=max_epochs, val_begin=30, dynamic_intervals=[(55, 1)])

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
