# DynE encoder, DyHead of formation K: a gate per tap
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='DyHead', formation='k'))
