# Plain convolutions with squeeze and excitation, our definition; static head
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(
        type='ConvBackbone',
        op=dict(type='PlainConv1d'),
        squeeze=dict(type='SqueezeExcitation', reduction=16)),
    head=dict(type='ConvHead'))
