# 25 epochs, the first 5 of them warm-up; the paper says 30 and 15
_base_ = 'adamw_40e.py'

warmup_epochs = 5
max_epochs = 25
lr = 2e-4
eta_min = 5e-5

train_cfg = dict(val_begin=13, dynamic_intervals=[(20, 1)])
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
