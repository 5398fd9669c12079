# 16 epochs, the first 10 of them warm-up; the paper says 14 and 7
_base_ = 'adamw_15e_activitynet.py'

warmup_epochs = 10
max_epochs = 16

train_cfg = dict(val_begin=10)
optim_wrapper = dict(optimizer=dict(weight_decay=0.025))
