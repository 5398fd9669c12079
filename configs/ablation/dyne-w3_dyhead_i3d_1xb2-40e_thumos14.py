# DynE encoder with w = 3, DyHead. w only sizes convolutions that stay zero
# here: compare dyne-live-w3.
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', factor=3, init_std=0.),
    head=dict(type='DyHead', formation='c'))
