_base_ = [
    '_base_/models/actionformer_ego4d-mq.py',
    '_base_/datasets/ego4d-mq_slowfast.py',
    '../../../configs/_base_/schedules/adamw_15e_ego4d-mq.py',
    '../../../configs/_base_/default_runtime.py'
]

regression_ranges = [(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 128),
                     (64, 10000)]
model = dict(
    data_preprocessor=dict(size_divisor=512),  # 64 * 8
    backbone=dict(arch=(2, 2, 6)),
    head=dict(regression_ranges=regression_ranges))
