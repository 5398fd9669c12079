_base_ = [
    '_base_/models/actionformer_ego4d-mq.py',
    '_base_/datasets/ego4d-mq_egovlp-omnivore-slowfast.py',
    '../../../configs/_base_/schedules/adamw_15e_ego4d-mq.py',
    '../../../configs/_base_/default_runtime.py'
]

width = 1024
model = dict(
    backbone=dict(
        # SlowFast, Omnivore, EgoVLP: each has a projection of its own
        in_channels=[2304, 1536, 256],
        source_channels=[256, 384, 384],
        num_heads=16))
