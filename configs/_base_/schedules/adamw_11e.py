# 11 epochs, the first 7 of them warm-up; the paper says 14
_base_ = 'adamw_14e.py'

max_epochs = 11

train_cfg = dict(val_begin=6)
