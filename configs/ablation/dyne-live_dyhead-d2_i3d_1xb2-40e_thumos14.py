# Live DynE encoder, DyHead with D = 2
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.1),
    head=dict(type='DyHead', num_layers=2, formation='c'))
