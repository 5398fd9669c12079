# 15 epochs, the first 5 of them warm-up
_base_ = 'adamw_40e.py'

warmup_epochs = 5
max_epochs = 15
lr = 5e-4
eta_min = 5e-5

train_cfg = dict(val_begin=8, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(weight_decay=0.05), clip_grad=dict(max_norm=0.4))
auto_scale_lr = dict(base_batch_size=8)
