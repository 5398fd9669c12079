# Live DynE encoder, DyHead of formation C, w = 5, D = 3
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.1),
    head=dict(type='DyHead', formation='c'))
