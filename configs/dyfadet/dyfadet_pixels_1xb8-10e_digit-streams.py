# The demo: a small DyFADet on the embedded data set, minutes on two CPU cores
_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/datasets/digit_streams.py',
    '../_base_/schedules/adamw_10e.py', '../_base_/default_runtime.py'
]

width = 64
model = dict(backbone=dict(mlp_channels=128))

randomness = dict(seed=0)
