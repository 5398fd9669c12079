# DynE encoder, multi-scale head of plain convolutions (our definition)
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='ConvMultiScaleHead'))
