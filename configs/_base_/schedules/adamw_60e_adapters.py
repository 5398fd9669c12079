# The first 60 of 100 epochs, the first 5 of them warm-up, as published for
# adapters on THUMOS14
_base_ = 'adamw_40e.py'

warmup_epochs = 5
max_epochs = 100
adapter_lr_mult = 2.  # their rate, in terms of the detector's

train_cfg = dict(max_epochs=60, val_begin=40, dynamic_intervals=None)
optim_wrapper = dict(
    # on a GPU without bfloat16: 'AmpOptimWrapper'
    type='Bfloat16OptimWrapper',
    optimizer=dict(weight_decay=0.05),
    paramwise_cfg=dict(
        custom_keys={'.adapter.': dict(lr_mult='${adapter_lr_mult}')}))
