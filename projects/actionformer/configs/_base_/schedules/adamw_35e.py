# 35 epochs, the first 5 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_40e.py'

warmup_epochs = 5
max_epochs = 35

train_cfg = dict(val_begin=18, dynamic_intervals=[(30, 1)])
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
