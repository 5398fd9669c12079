# 13 epochs, the first 10 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_40e.py'

warmup_epochs = 10
max_epochs = 13
lr = 1e-3
eta_min = 2e-4

train_cfg = dict(val_begin=7, val_interval=1)
optim_wrapper = dict(optimizer=dict(weight_decay=0.03))
auto_scale_lr = dict(base_batch_size=16)
