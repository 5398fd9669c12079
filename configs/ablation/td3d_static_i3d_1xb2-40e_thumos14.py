# TD3d convolutions, our definition; static head
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(type='ConvBackbone', op=dict(type='TD3dConv1d')),
    head=dict(type='ConvHead'))
