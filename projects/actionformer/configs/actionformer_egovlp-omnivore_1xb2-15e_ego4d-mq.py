_base_ = [
    '_base_/models/actionformer_ego4d-mq.py',
    '_base_/datasets/ego4d-mq_egovlp-omnivore.py',
    '../../../configs/_base_/schedules/adamw_15e_ego4d-mq.py',
    '../../../configs/_base_/default_runtime.py'
]

width = 768
model = dict(backbone=dict(num_heads=12))
