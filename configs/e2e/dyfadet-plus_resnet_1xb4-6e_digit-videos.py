# A CNN trained with the detector, minutes on two CPU cores
_base_ = [
    '../_base_/models/dyfadet_plus_frames.py',
    '../_base_/encoders/resnet_digits.py',
    '../_base_/datasets/digit_videos.py', '../_base_/schedules/adamw_10e.py',
    '../_base_/default_runtime.py'
]

width = 64
lr = 4e-3
encoder_lr_mult = 0.25  # its rate, in terms of the detector's
channel_dropout = 0.1
weight_decay = 0.1
warmup_epochs = 1
max_epochs = 6

train_cfg = dict(val_interval='${max_epochs}')

model = dict(backbone=dict(mlp_channels=128))
optim_wrapper = dict(
    optimizer=dict(weight_decay='${weight_decay}'),
    paramwise_cfg=dict(
        custom_keys=dict(encoder=dict(lr_mult='${encoder_lr_mult}'))))
auto_scale_lr = dict(base_batch_size=4)

randomness = dict(seed=0)
