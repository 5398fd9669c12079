# Dynamic convolutions, our definition; static head
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(type='ConvBackbone', op=dict(type='DynamicConv1d')),
    head=dict(type='ConvHead'))
