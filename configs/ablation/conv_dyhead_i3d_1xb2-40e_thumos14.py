# Plain convolutions, DyHead
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(type='ConvBackbone', op=dict(type='PlainConv1d')),
    head=dict(type='DyHead', formation='c'))
