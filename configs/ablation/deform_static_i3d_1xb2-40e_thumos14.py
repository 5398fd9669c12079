# Deformable convolutions, our definition; static head
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(type='ConvBackbone', op=dict(type='DeformConv1d')),
    head=dict(type='ConvHead'))
