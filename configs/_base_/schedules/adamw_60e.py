# 60 epochs, the first 20 of them warm-up. The paper says 40 for all features
# of THUMOS14; the published yaml of VideoMAE V2 says 60
_base_ = 'adamw_40e.py'

max_epochs = 60

train_cfg = dict(val_begin=30, dynamic_intervals=[(55, 1)])
