# DynE encoder, Trident head on towers of the DyHead, as in the plus recipes
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.),
    head=dict(type='DyTridentHead', num_bins=16))
