# The demo: the plus recipe on the embedded data set, minutes on two CPU cores
_base_ = [
    '../_base_/models/dyfadet_plus.py', '../_base_/datasets/digit_streams.py',
    '../_base_/schedules/adamw_10e.py', '../_base_/default_runtime.py'
]

width = 64
lr = 8e-3
channel_dropout = 0.1
weight_decay = 0.1
shuffle_prob = 0.5  # an action is scans of one digit, whatever comes first

# cells to the farther end of an action, for each level
regression_ranges = [(0, 3), (3, 6), (6, 12), (12, 24), (24, 48), (48, 10000)]

model = dict(
    backbone=dict(mlp_channels=128),
    head=dict(regression_ranges='${regression_ranges}'))
optim_wrapper = dict(optimizer=dict(weight_decay='${weight_decay}'))

# of the streams as videos, see tools/dataset_converters/digit_videos.py
feature_extractor = 'dyfadet_mm::features/pixels_digit-streams.py'

randomness = dict(seed=0)
