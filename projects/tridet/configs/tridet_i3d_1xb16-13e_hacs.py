# One level more than with SlowFast features, and no input noise
_base_ = [
    '_base_/models/tridet_hacs.py', '_base_/datasets/hacs_i3d.py',
    '_base_/schedules/adamw_13e_hacs-i3d.py',
    '../../../configs/_base_/default_runtime.py'
]

model = dict(
    data_preprocessor=dict(
        size_divisor=960,  # 64 * 15
        input_noise=0.),
    backbone=dict(arch=(2, 2, 6), kernel_size=15),
    head=dict(
        num_bins=12,
        regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64),
                           (64, 128), (128, 10000)]))

batch_size = 16
