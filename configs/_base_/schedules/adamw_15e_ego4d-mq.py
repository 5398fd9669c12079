# 15 epochs, the first 5 of them warm-up. The rate is that of both published
# yamls, 1e-4; the paper says 2e-4
_base_ = 'adamw_40e.py'

warmup_epochs = 5
max_epochs = 15

train_cfg = dict(val_begin=8, val_interval=1)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
