# The CNN of configs/e2e/*_digit-videos.py, trained on single digits: videos of
# one action each, written by tools/dataset_converters/digit_videos.py
# --trimmed --scattered 0
_base_ = [
    'mmaction::_base_/default_runtime.py',
    '../_base_/encoders/resnet_digits.py'
]

data_root = 'data/digit_streams/'
max_epochs = 30

model = dict(
    type='Recognizer3D',
    data_preprocessor=dict(
        type='ActionDataPreprocessor', format_shape='NCTHW', **_base_.colours),
    backbone=_base_.encoder.backbone,
    cls_head=dict(
        type='I3DHead', in_channels=32, num_classes=10, dropout_ratio=0.))

train_dataloader = dict(
    batch_size=32,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='VideoDataset',
        ann_file='trimmed.txt',
        data_root='${data_root}',
        data_prefix=dict(video='trimmed/'),
        pipeline=[
            dict(type='DecordInit'),
            dict(type='SampleFrames', clip_len=4),
            dict(type='DecordDecode'),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs')
        ]))
train_cfg = dict(by_epoch=True, max_epochs='${max_epochs}')
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.05))
param_scheduler = dict(
    type='CosineAnnealingLR',
    T_max='${max_epochs}',
    convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(save_best=None, max_keep_ckpts=1))

feature_extractor = dict(
    grid=dict(stride=1, window=1), preprocessing=dict(**_base_.colours))
