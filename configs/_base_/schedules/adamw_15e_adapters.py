# 15 epochs, the first 5 of them warm-up, as published for adapters on
# ActivityNet
_base_ = 'adamw_60e_adapters.py'

max_epochs = 15
lr = 1e-3
adapter_lr_mult = 0.1

train_cfg = dict(max_epochs='${max_epochs}', val_begin=8, val_interval=1)
auto_scale_lr = dict(base_batch_size=16)
