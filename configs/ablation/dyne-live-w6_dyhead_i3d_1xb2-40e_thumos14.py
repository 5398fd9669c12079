# Live DynE encoder with w = 6, DyHead
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', factor=6, init_std=0.1),
    head=dict(type='DyHead', formation='c'))
