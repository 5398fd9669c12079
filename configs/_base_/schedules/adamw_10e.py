# A short schedule for small data sets: 10 epochs, the first 2 of them warm-up
_base_ = 'adamw_40e.py'

warmup_epochs = 2
max_epochs = 10
lr = 2e-3

train_cfg = dict(val_begin=1, val_interval=2)

# so few iterations need a shorter memory than 0.999
custom_hooks = [dict(type='EMAHook', momentum=0.01, priority='ABOVE_NORMAL')]

auto_scale_lr = dict(base_batch_size=8)
