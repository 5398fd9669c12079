_base_ = [
    '_base_/models/actionformer.py', '_base_/datasets/thumos14_i3d.py',
    '_base_/schedules/adamw_35e.py',
    '../../../configs/_base_/default_runtime.py'
]

model = dict(
    backbone=dict(in_channels=_base_.feat_dim),
    head=dict(num_classes=_base_.num_classes))
