# The demo: a small DyFADet on the embedded data set, minutes on two CPU cores
_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/datasets/digit_streams.py',
    '../_base_/schedules/adamw_10e.py', '../_base_/default_runtime.py'
]

width = 64
model = dict(
    data_preprocessor=dict(max_seq_len=_base_.max_seq_len),
    backbone=dict(
        in_channels=_base_.feat_dim, embed_channels=width, mlp_channels=128),
    neck=dict(channels=width),
    head=dict(
        num_classes=_base_.num_classes, in_channels=width,
        feat_channels=width))

randomness = dict(seed=0)
