# DyFADet with MMDetection's FPN and focal loss
_base_ = '_base_/dyfadet.py'

model = dict(
    neck=dict(
        type='MMDetNeck',
        neck=dict(type='mmdet.FPN', norm_cfg=dict(type='GN', num_groups=16))))
