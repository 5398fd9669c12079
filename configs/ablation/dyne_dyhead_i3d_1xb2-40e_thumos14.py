# DynE encoder, DyHead of formation C, w = 5, D = 3: DyFADet as published
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='DyHead', formation='c'))
