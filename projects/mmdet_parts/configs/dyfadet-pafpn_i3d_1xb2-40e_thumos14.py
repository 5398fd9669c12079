# DyFADet with MMDetection's PAFPN and focal loss
_base_ = '_base_/dyfadet.py'

model = dict(
    neck=dict(
        type='MMDetNeck',
        neck=dict(type='mmdet.PAFPN', norm_cfg=dict(type='GN',
                                                    num_groups=16))))
