# SGP encoder, static head
_base_ = '../_base_/ablation_mlp.py'

model = dict(
    backbone=dict(type='SGPBackbone', init_std=0.), head=dict(type='ConvHead'))
