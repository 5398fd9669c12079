# DynE encoder, DyHead with D = 4
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='DyHead', num_layers=4, formation='c'))
