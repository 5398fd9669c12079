# 19 epochs, the first 5 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_40e.py'

warmup_epochs = 5
max_epochs = 19

train_cfg = dict(val_begin=10, dynamic_intervals=[(14, 1)])
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
