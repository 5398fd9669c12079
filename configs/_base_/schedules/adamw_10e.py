# A short schedule for small data sets: 10 epochs, the first 2 of them warm-up
_base_ = 'adamw_40e.py'

warmup_epochs = 2
max_epochs = 10
lr = 2e-3

train_cfg = dict(val_begin=1, val_interval=2)

# weights averaged over a quarter of the iterations so far, 1,000 at most
ema = dict(
    type='EMAHook',
    ema_type='MomentumAnnealingEMA',
    gamma=4,
    momentum=0.001,
    priority='ABOVE_NORMAL')
custom_hooks = ['${ema}']

auto_scale_lr = dict(base_batch_size=8)
