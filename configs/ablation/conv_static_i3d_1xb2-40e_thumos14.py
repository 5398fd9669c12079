# Plain convolutions, static head: the baseline
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(type='ConvBackbone', op=dict(type='PlainConv1d')),
    head=dict(type='ConvHead'))
