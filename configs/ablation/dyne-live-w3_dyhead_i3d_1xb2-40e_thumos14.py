# Live DynE encoder with w = 3, DyHead
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', factor=3, init_std=0.1),
    head=dict(type='DyHead', formation='c'))
