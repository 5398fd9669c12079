# 11 epochs, the first 7 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_40e.py'

warmup_epochs = 7
max_epochs = 11
lr = 1e-3
eta_min = 5e-4

train_cfg = dict(val_begin=6, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(weight_decay=0.03), clip_grad=dict(max_norm=0.5))
auto_scale_lr = dict(base_batch_size=16)
