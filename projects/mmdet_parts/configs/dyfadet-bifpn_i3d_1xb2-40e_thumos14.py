# DyFADet with a BiFPN and MMDetection's focal loss
_base_ = '_base_/dyfadet.py'

model = dict(neck=dict(type='BiFPN1d', num_layers=3))
