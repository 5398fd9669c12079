# DynE encoder, DyHead of formation CK: a gate per channel and tap
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='DyHead', formation='ck'))
