# 13 epochs, the first 10 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_40e.py'

warmup_epochs = 10
max_epochs = 13

train_cfg = dict(max_epochs=max_epochs, val_begin=7, val_interval=1)

optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.03), clip_grad=dict(max_norm=1.0))

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=2e-4,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True)
]

auto_scale_lr = dict(base_batch_size=16)
