# DynE encoder, DyHead whose gates start half open and cannot shut for ever
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='DyHead', formation='c', gate_bias=1.5, trains_shut=True))
