_base_ = [
    '_base_/models/actionformer_ego4d-mq.py',
    '_base_/datasets/ego4d-mq_egovlp-slowfast.py',
    '../../../configs/_base_/schedules/adamw_15e_ego4d-mq.py',
    '../../../configs/_base_/default_runtime.py'
]

width = 768
model = dict(
    backbone=dict(
        in_channels=_base_.feat_dim, embed_channels=width, num_heads=12),
    neck=dict(channels=width),
    head=dict(in_channels=width, feat_channels=width))
