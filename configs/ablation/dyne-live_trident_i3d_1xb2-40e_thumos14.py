# Live DynE encoder, Trident head, which the paper does not have
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='DynEBackbone', init_std=0.1),
    head=dict(type='TridentHead', num_bins=16, iou_weight_power=0.2))
